package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/backup"
)

func backupCommand() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "backup", Short: "备份内置数据库到一个文件，服务不用停", Args: noArgs,
		Long: `把内置数据库（koi.db 与 log.db）一致地备份到一个 .tar.gz 文件；服务运行时也可以做。
备份里没有密钥：请把 secret_key 或 data_dir 里的 secret.key 另外保管，没有它备份读不出来。
使用 MySQL 时请用它自己的工具备份，命令会提示怎么做。`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.ErrOrStderr())
			if err != nil {
				return err
			}
			if file == "" {
				file = "koi-" + time.Now().In(cfg.Location).Format("20060102-150405") + ".tar.gz"
			}
			// The server that does the work may stand in another directory.
			if file, err = filepath.Abs(file); err != nil {
				return fmt.Errorf("path of the backup: %w", err)
			}
			var m backup.Manifest
			if err := app.Do(c.Context(), cfg, "backup", app.BackupInput{File: file}, &m); err != nil {
				return err
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "已备份到 %s\n", file)
			for _, f := range m.Files {
				fmt.Fprintf(w, "  %-7s %6.1f MB  sha256 %s\n", f.Name, float64(f.Size)/1e6, f.SHA256)
			}
			fmt.Fprintf(w, "密钥不在备份里：请另外保管 secret_key 或 %s（指纹 %s）\n", filepath.Join(cfg.DataDir, "secret.key"), m.Key)
			return nil
		}}
	c.Flags().StringVarP(&file, "file", "f", "", "备份文件（默认当前目录下 koi-日期-时间.tar.gz）；已存在的文件不会被覆盖")
	return c
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{Use: "restore 备份文件", Short: "把备份恢复到空的 data_dir", Args: oneFile,
		Long: `把 koi backup 的文件恢复到配置的 data_dir。服务要先停掉，data_dir 里不能已有数据库，
并且要先放好备份时的密钥（secret.key 或 secret_key）。备份时还在等待的消息不会自动发出，等人核对。`,
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(c.ErrOrStderr())
			if err != nil {
				return err
			}
			r, err := app.Restore(c.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "已恢复 %s 由 Koi %s 做的备份到 %s\n", r.At.In(cfg.Location).Format("2006-01-02 15:04:05"), r.Koi, cfg.DataDir)
			if r.Held > 0 {
				fmt.Fprintf(w, "有 %d 条当时还在等待的消息可能已在备份之后发出，已转为「结果未知」，请在消息列表里核对后重试\n", r.Held)
			}
			fmt.Fprintln(w, "现在可以启动服务：koi serve")
			return nil
		}}
}

func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("请指定一个备份文件")}
	}
	return nil
}
