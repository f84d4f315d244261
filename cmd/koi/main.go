// Command koi is the one binary of Koi: server, demo, simulator, benchmarks and the operator's commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/httpapi"
	"github.com/koi-scrm/koi/configs"
)

// version is set by the build.
var version = "dev"

func main() {
	app.Version = version
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes: see contract in README, "Commands".
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// run executes a command line and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "用法不对：%v\n试试 koi --help\n", usage.error)
		return exitUsage
	}
	fmt.Fprintln(stderr, "错误：", tell(err))
	return exitFail
}

// tell is what an operator reads of an error: the sentence, every problem on a line of its own, the cause.
func tell(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	out := f.Message
	for _, p := range f.Problems {
		out += "\n  " + p.Path + ": " + p.Message
	}
	if f.Err != nil {
		out += "\n  原因：" + f.Err.Error()
	}
	return out
}

// configFile is the --config flag.
var configFile string

func rootCommand() *cobra.Command {
	root := &cobra.Command{Use: "koi", Short: "Koi 锦鲤：自托管的微信/企业微信 SCRM 与营销自动化", SilenceErrors: true, SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("没有命令 %q", args[0])}
			}
			return c.Help()
		}, Args: cobra.ArbitraryArgs}
	root.PersistentFlags().StringVar(&configFile, "config", "", "配置文件（默认：当前目录的 koi.yaml，如果有）")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(), demoCommand(), migrateCommand(), applyCommand(), exportCommand(), doctorCommand(), backupCommand(), restoreCommand(), benchCommand(), userCommand(), simulateCommand(), openapiCommand(), versionCommand())
	return root
}

// noArgs refuses stray arguments as wrong usage.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s 不接受参数 %q", c.CommandPath(), args[0])}
	}
	return nil
}

// load reads the configuration and sets up logging as it says.
func load(stderr io.Writer) (*configs.Config, error) {
	cfg, err := configs.Load(configFile, os.Environ())
	if err != nil {
		return nil, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Log.Level)); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "log.level 可用 debug、info、warn、error")
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(stderr, o)
	if cfg.Log.Format == "json" {
		h = slog.NewJSONHandler(stderr, o)
	}
	slog.SetDefault(slog.New(h))
	return cfg, nil
}

func openapiCommand() *cobra.Command {
	return &cobra.Command{Use: "openapi", Short: "输出接口文档（OpenAPI 3.1，JSON），供生成客户端", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		_, err := c.OutOrStdout().Write(httpapi.Document(version))
		return err
	}}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "显示版本", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		fmt.Fprintln(c.OutOrStdout(), "koi", version)
		return nil
	}}
}
