package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/bundle"
	"github.com/koi-scrm/koi/app/fault"
)

func applyCommand() *cobra.Command {
	var file string
	var dryRun bool
	c := &cobra.Command{Use: "apply -f bundle.yaml", Short: "应用配置包：字段、标签、规则、评分、阶段、旅程、消息模板、员工", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usageError{fmt.Errorf("请用 -f 指定配置包")}
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "读不了 %s", file)
			}
			cfg, err := load(c.ErrOrStderr())
			if err != nil {
				return err
			}
			var report bundle.Report
			in := app.ApplyInput{File: file, Text: text, DryRun: dryRun, By: app.By()}
			if err := app.Do(c.Context(), cfg, "apply", in, &report); err != nil {
				return err
			}
			printReport(c.OutOrStdout(), report)
			return nil
		}}
	c.Flags().StringVarP(&file, "file", "f", "", "配置包（YAML）")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "只检查并显示差异，不改动")
	return c
}

func printReport(w io.Writer, r bundle.Report) {
	for _, d := range r.Differences {
		if d.Change == "new" {
			fmt.Fprintf(w, "+ %s %s\n", bundle.Label(d.Kind), d.Key)
			continue
		}
		fmt.Fprintf(w, "~ %s %s：%v\n", bundle.Label(d.Kind), d.Key, d.Parts)
	}
	switch {
	case len(r.Differences) == 0:
		fmt.Fprintf(w, "没有差异，%d 项都已生效\n", r.Same)
	case r.Applied:
		fmt.Fprintf(w, "已应用 %d 项，%d 项没有变化\n", len(r.Differences), r.Same)
	default:
		fmt.Fprintf(w, "将应用 %d 项，%d 项没有变化（--dry-run，没有改动）\n", len(r.Differences), r.Same)
	}
}

func exportCommand() *cobra.Command {
	return &cobra.Command{Use: "export", Short: "把生效的配置导出为配置包（YAML）", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		cfg, err := load(c.ErrOrStderr())
		if err != nil {
			return err
		}
		var text string
		if err := app.Do(c.Context(), cfg, "export", nil, &text); err != nil {
			return err
		}
		_, err = io.WriteString(c.OutOrStdout(), text)
		return err
	}}
}
