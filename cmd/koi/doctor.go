package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/doctor"
)

func doctorCommand() *cobra.Command {
	var machine bool
	c := &cobra.Command{Use: "doctor", Short: "检查配置、数据库和各平台账号，指出怎么修", Args: noArgs,
		Long: `逐项检查：对外地址、磁盘、数据库、处理进度，以及每个平台账号的凭据、IP 白名单、回调地址、权限和可见范围。
只查询，不改动任何东西，也不给任何人发消息。有问题时退出码为 1。`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.ErrOrStderr())
			if err != nil {
				return err
			}
			var list []account.Finding
			if err := app.Do(c.Context(), cfg, "doctor", nil, &list); err != nil {
				return err
			}
			if machine {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(list)
			} else {
				printFindings(c.OutOrStdout(), list)
			}
			if err == nil && doctor.Sick(list) {
				return errors.New("有需要处理的问题，见上面标 ✗ 的各项")
			}
			return err
		}}
	c.Flags().BoolVar(&machine, "json", false, "输出 JSON")
	return c
}

// printFindings tells of the installation first, then of each account.
func printFindings(w io.Writer, list []account.Finding) {
	signs := map[account.Verdict]string{account.Good: "✓", account.Doubt: "!", account.Bad: "✗", account.ByHand: "?"}
	var ids []string
	of := map[string][]account.Finding{}
	for _, f := range list {
		if of[f.Account] == nil {
			ids = append(ids, f.Account)
		}
		of[f.Account] = append(of[f.Account], f)
	}
	for _, id := range ids {
		if id != "" {
			fmt.Fprintf(w, "\n%s\n", id)
		}
		for _, f := range of[id] {
			fmt.Fprintf(w, "%s %s：%s\n", signs[f.Verdict], f.Check, f.What)
			if f.Do != "" {
				fmt.Fprintf(w, "    → %s\n", f.Do)
			}
		}
	}
}
