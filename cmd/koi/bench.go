package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/koi-scrm/koi/app/bench"
	"github.com/koi-scrm/koi/app/db"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "在这台机器上压测：受理、管线、时延，并与磁盘和裸数据库对比",
		Long: `启动一个真实的 koi serve 和平台模拟器作为子进程（只在本机、临时数据目录、结束即清理），从本进程开环施压，
延迟从应发时刻算起。换台机器数字会变，比值不太变。`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		benchOf("data", "向空库写入成批人员（身份、字段、标签、分数、员工关系、时间线）", bench.Data),
		benchOf("callbacks", "加密回调：管线暂停时的受理延迟与峰值，全部启用时的可持续速率", bench.Callbacks),
		benchOf("beacons", "网页埋点：管线暂停时的受理延迟与峰值，每次请求 5 条", bench.Beacons),
		benchOf("pipeline", "起步方案全部启用时处理积压事件的速度，与同样的行裸写之比", bench.Pipeline),
		benchOf("journeys", "旅程里的等待迟多久结束，和同时到期时处理多快", bench.Journeys),
		benchOf("send", "Webhook 发往本机的速度，与裸 HTTP 循环之比；事件 → 接收方的时延", bench.Send),
		benchOf("welcome", "新好友 → 欢迎语交给企业微信的时延，同时有其他事件", bench.Welcome),
		benchOf("latency", "事件 → 消息交给平台的时延，5% 是关键词消息", bench.Latency),
	)
	return c
}

func benchOf(name, short string, measure func(context.Context, bench.Options) (*bench.Report, error)) *cobra.Command {
	var o bench.Options
	var driver string
	var machine bool
	c := &cobra.Command{Use: name, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		o.Driver, o.Notes = db.Engine(driver), c.ErrOrStderr()
		report, err := measure(c.Context(), o)
		if report != nil && machine {
			err = errors.Join(err, report.JSON(c.OutOrStdout()))
		} else if report != nil {
			report.Print(c.OutOrStdout())
		}
		if err != nil {
			return fmt.Errorf("压测没有完成：%w", err)
		}
		return nil
	}}
	f := c.Flags()
	f.StringVar(&driver, "driver", "sqlite", "数据库：sqlite 或 mysql")
	f.StringVar(&o.DSN, "dsn", "", "mysql 的地址，如 root:pw@tcp(127.0.0.1:3306)/：会新建一个数据库，结束后删掉")
	f.StringVar(&o.Dir, "dir", "", "保留数据的目录，可再次使用（默认临时目录，用完即删）")
	f.IntVar(&o.People, "people", 0, "库里先有多少人（默认 10000，latency、welcome 为 20000，journeys 为 50000）")
	f.IntVar(&o.Events, "events", 0, "pipeline、send：积压多少条事件（默认 60000、30000）")
	f.IntVar(&o.Rate, "rate", 0, "每秒多少次（默认 callbacks、beacons 10000，latency 1000 与 2000，welcome 2200，journeys 1000，send 500）")
	f.IntVar(&o.Seconds, "seconds", 0, "每档压多少秒")
	f.DurationVar(&o.Limit, "limit", time.Hour, "总共最多多久")
	f.BoolVar(&machine, "json", false, "输出 JSON")
	return c
}
