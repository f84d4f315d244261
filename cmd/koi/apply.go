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
		Long: `检查配置包并让它生效：要么全部生效，要么什么都不改。错误会一次列出，并注明行号。
配置包里没有写到的项保持原样；要删除一项，只写它的 key 和 delete: true。重复应用没有副作用。`,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usageError{fmt.Errorf("请用 -f 指定配置包，- 表示从标准输入读")}
			}
			text, err := readBundle(file, c.InOrStdin())
			if err != nil {
				return err
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
	c.Flags().StringVarP(&file, "file", "f", "", "配置包（YAML），- 为标准输入")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "只检查并显示差异，不改动")
	return c
}

// readBundle reads no more than a bundle may have and one byte, which is enough to be refused.
func readBundle(file string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "打不开配置包 %s：请检查路径和权限", file)
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, bundle.MaxSize+1))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "读不了配置包 %s", file)
	}
	return text, nil
}

func printReport(w io.Writer, r bundle.Report) {
	signs := map[bundle.Change]string{bundle.New: "+", bundle.Changed: "~", bundle.Deleted: "-"}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "%s %s %s", signs[d.Change], bundle.Label(d.Kind), d.Key)
		if d.Name != "" {
			fmt.Fprintf(w, "（%s）", d.Name)
		}
		fmt.Fprintln(w)
		for _, p := range d.Parts {
			fmt.Fprintf(w, "    %s\n", p)
		}
	}
	for _, p := range r.Warnings {
		fmt.Fprintf(w, "提醒 %s：%s\n", p.Path, p.Message)
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
