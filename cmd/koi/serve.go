package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/lease"
	"github.com/koi-scrm/koi/migrations"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "启动 Koi", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		cfg, err := load(c.ErrOrStderr())
		if err != nil {
			return err
		}
		a, err := app.Open(c.Context(), cfg, clock.Real{})
		if err != nil {
			return err
		}
		addr, err := a.Listen()
		if err != nil {
			return errors.Join(err, a.Close())
		}
		fmt.Fprintf(c.OutOrStdout(), "Koi %s 正在监听 http://%s\n", version, addr)
		return errors.Join(a.Run(c.Context()), a.Close())
	}}
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
