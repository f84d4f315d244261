package demo

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/configs"
)

// Clock is the business clock a server of the demo runs on. It is given only to a server whose data is a
// demo's and whose platforms are on this machine: anything else is Invalid.
func Clock(cfg *configs.Config) (*clock.Movable, error) {
	if err := checkLoopback(cfg.Listen); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, marker)); err != nil {
		return nil, fault.New(fault.Invalid, "%s 不是演示的数据目录：演示的时钟只能用在那里", cfg.DataDir)
	}
	for _, base := range []string{cfg.Channels.WeChat.BaseURL, cfg.Channels.WeCom.BaseURL, cfg.Channels.WeCom.OAuthURL, cfg.Channels.AliyunSMS.BaseURL} {
		u, err := url.Parse(base)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "平台地址 %q 不对", base)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err != nil || !a.IsLoopback() {
			return nil, fault.New(fault.Invalid, "演示不连真实平台：%s 不在本机", base)
		}
	}
	m := clock.NewMovable()
	text, err := os.ReadFile(filepath.Join(cfg.DataDir, clockFile))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "读不了演示的时钟")
	}
	var c clock.Course
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "演示的时钟文件不对")
	}
	m.Follow(c)
	return m, nil
}
