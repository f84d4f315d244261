package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/demo"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/migrations"
)

func serveCommand() *cobra.Command {
	var ofDemo bool
	c := &cobra.Command{Use: "serve", Short: "启动 Koi", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		cfg, err := load(c.ErrOrStderr())
		if err != nil {
			return err
		}
		spareTheCollector()
		var clk clock.Clock = clock.Real{}
		if ofDemo {
			if clk, err = demo.Clock(cfg); err != nil {
				return err
			}
		}
		a, err := app.Open(c.Context(), cfg, clk)
		if err != nil {
			return err
		}
		addr, err := a.Listen()
		if err != nil {
			return errors.Join(err, a.Close())
		}
		fmt.Fprintf(c.OutOrStdout(), "Koi %s 正在监听 http://%s\n", version, addr)
		link, err := a.SetupLink(c.Context())
		if err != nil {
			return errors.Join(err, a.Close())
		}
		if link != "" {
			fmt.Fprintf(c.OutOrStdout(), "还没有用户：请在 24 小时内打开下面的链接创建第一位管理员（只能用一次）\n  %s\n", link)
		}
		stop := onHangUp(c.Context(), func() {
			next, err := load(c.ErrOrStderr())
			if err == nil {
				err = a.Reload(c.Context(), next)
			}
			if err != nil {
				slog.Error("配置没有重新读取，仍按原来的运行", "err", tell(err))
			}
		})
		defer stop()
		return errors.Join(a.Run(c.Context()), a.Close())
	}}
	c.Flags().BoolVar(&ofDemo, "demo", false, "koi demo 的服务进程：业务时间可以拨动")
	_ = c.Flags().MarkHidden("demo") // the flag is there
	return c
}

// spareTheCollector trades some memory for less garbage collection, which takes a tenth of the CPU of a
// busy pipeline at Go's default; under load it stays within what Koi may use. GOGC and GOMEMLIMIT decide
// where they are set.
func spareTheCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(450 << 20)
	}
}

// onHangUp calls f for each SIGHUP until stop.
func onHangUp(ctx context.Context, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-ctx.Done():
				signal.Stop(hangUp)
				return
			case <-hangUp:
				f()
			}
		}
	}()
	return cancel
}

func migrateCommand() *cobra.Command {
	return &cobra.Command{Use: "migrate", Short: "把数据库结构升级到这个版本（serve 启动时也会做）", Args: noArgs, RunE: func(c *cobra.Command, _ []string) (err error) {
		cfg, err := load(c.ErrOrStderr())
		if err != nil {
			return err
		}
		unlock, err := lease.LockDir(cfg.DataDir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		stores, err := db.Open(c.Context(), db.Config{Driver: db.Engine(cfg.Database.Driver), DSN: cfg.Database.DSN, DataDir: cfg.DataDir})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stores.Close()) }()
		if err := stores.Migrate(c.Context(), migrations.Files); err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), "数据库结构已是最新")
		return nil
	}}
}
