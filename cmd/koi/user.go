package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/auth"
	"github.com/koi-scrm/koi/app/fault"
)

func userCommand() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "管理能登录控制台的用户", Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("没有命令 %q", "user "+args[0])}
		}
		return c.Help()
	}}
	c.AddCommand(userAddCommand(), userPasswdCommand(), userListCommand())
	return c
}

func userAddCommand() *cobra.Command {
	var name, role, staff string
	var stdin bool
	c := &cobra.Command{Use: "add 登录名 --role 角色", Short: "添加用户；不给密码则生成一个，只显示这一次", Args: oneLogin, RunE: func(c *cobra.Command, args []string) error {
		if role == "" {
			return usageError{fmt.Errorf("请用 --role 指定角色：%s", roles())}
		}
		return askUser(c, "user/add", app.UserInput{Login: args[0], Name: name, Role: auth.Role(role), Staff: staff}, stdin, "已添加用户")
	}}
	c.Flags().StringVar(&name, "name", "", "显示的姓名（默认与登录名相同）")
	c.Flags().StringVar(&role, "role", "", "角色："+roles())
	c.Flags().StringVar(&staff, "staff", "", "对应的员工 CorpID/userid：销售看自己的客户、主管看下属的客户都凭它")
	passwordFlag(c, &stdin)
	return c
}

func userPasswdCommand() *cobra.Command {
	var stdin bool
	c := &cobra.Command{Use: "passwd 登录名", Short: "重设密码，该用户要重新登录；不给密码则生成一个，只显示这一次", Args: oneLogin, RunE: func(c *cobra.Command, args []string) error {
		return askUser(c, "user/passwd", app.UserInput{Login: args[0]}, stdin, "已重设密码")
	}}
	passwordFlag(c, &stdin)
	return c
}

func userListCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "列出用户", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		cfg, err := load(c.ErrOrStderr())
		if err != nil {
			return err
		}
		var users []app.UserLine
		if err := app.Do(c.Context(), cfg, "user/list", nil, &users); err != nil {
			return err
		}
		w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "登录名\t姓名\t角色\t对应员工\t状态\t上次登录")
		for _, u := range users {
			state, last := "正常", "从未"
			if u.Disabled {
				state = "已停用"
			}
			if u.SignedInAt > 0 {
				last = time.UnixMilli(u.SignedInAt).In(cfg.Location).Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", u.Login, u.Name, u.Role.Label(), cmp.Or(u.Staff, "-"), state, last)
		}
		return w.Flush()
	}}
}

// askUser has a command carried out that sets a password.
func askUser(c *cobra.Command, command string, in app.UserInput, stdin bool, done string) error {
	in.Password, in.By = rand.Text(), app.By()
	if stdin {
		var err error
		if in.Password, err = readPassword(c.InOrStdin()); err != nil {
			return err
		}
	}
	cfg, err := load(c.ErrOrStderr())
	if err != nil {
		return err
	}
	var u app.UserLine
	if err := app.Do(c.Context(), cfg, command, in, &u); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s %s（%s，%s）\n", done, u.Login, u.Name, u.Role.Label())
	if !stdin {
		fmt.Fprintf(c.OutOrStdout(), "密码：%s\n请转告对方，登录后自己修改。\n", in.Password)
	}
	return nil
}

func passwordFlag(c *cobra.Command, stdin *bool) {
	c.Flags().BoolVar(stdin, "password-stdin", false, "从标准输入读一行作为密码（不放在参数里，以免留在命令历史中）")
}

func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fault.Wrap(err, fault.Invalid, "从标准输入读不到密码")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func oneLogin(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s 要一个登录名", c.CommandPath())}
	}
	return nil
}

func roles() string {
	var out []string
	for _, r := range auth.Roles() {
		out = append(out, string(r)+" "+r.Label())
	}
	return strings.Join(out, "、")
}
