package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app/demo"
)

func demoCommand() *cobra.Command {
	var o demo.Options
	c := &cobra.Command{Use: "demo", Short: "用模拟的平台讲一个故事：不需要账号、密钥和网络", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		// The story is what the terminal shows; what the server says of itself would bury it.
		slog.SetDefault(slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelError})))
		o.Out = c.OutOrStdout()
		return demo.Run(c.Context(), o)
	}}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "监听地址（只能是本机）")
	c.Flags().StringVar(&o.DataDir, "data-dir", "demo-data", "演示自己的数据目录，每次启动清空")
	c.Flags().BoolVar(&o.Once, "once", false, "讲完故事就退出")
	return c
}
