package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{Use: "demo", Short: "五分钟看懂 Koi：模拟的平台、虚构的公司、虚拟手机，不需要账号、密钥和网络", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		// What the server says of itself would bury the one address, or the story.
		slog.SetDefault(slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError})))
		if o.Once {
			o.Out = c.OutOrStdout()
			return demo.Run(c.Context(), o)
		}
		return demo.Perform(c.Context(), demo.Stage{Listen: o.Listen, DataDir: o.DataDir, Out: c.OutOrStdout()})
	}}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "监听地址（只能是本机）")
	c.Flags().StringVar(&o.DataDir, "data-dir", "demo-data", "演示自己的数据目录，每次启动清空")
	c.Flags().BoolVar(&o.Once, "once", false, "不打开网页，在终端里把故事讲一遍就退出")
	return c
}
