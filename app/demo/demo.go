// Package demo runs Koi with simulated platforms and a story, so that a newcomer sees what it does within
// a minute, without account, secret or network. The story goes the way of real life: people act on
// simulated phones, the platforms send signed callbacks, Koi answers through the platforms' own APIs. The
// package tells what happened by reading it from Koi and from the phones; it never reaches into either.
//
// It has a data directory of its own and refuses any other, listens on loopback only, and takes no
// accounts but its own.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/koi-scrm/koi/app"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

// Options of a demo.
type Options struct {
	Listen  string // where Koi listens; loopback only
	DataDir string // made, and emptied at each start if it is a demo's
	Out     io.Writer
	// Once ends after the story instead of staying up.
	Once bool
}

// marker names a directory as a demo's, which may be emptied.
const marker = "koi-demo"

// byDay is a business clock on which it is day: at night platforms take no promotional texts, and the story would
// have to wait for the morning.
func byDay() *clock.Movable {
	c := clock.NewMovable()
	if d := untilTexts(c.Now()); d > 0 {
		c.Change(d, 1)
	}
	return c
}

// Run plays until ctx ends (or the story, with Once). Faults: Invalid for an address that is not loopback
// or a directory that holds something else.
func Run(ctx context.Context, o Options) (err error) {
	if err := checkLoopback(o.Listen); err != nil {
		return err
	}
	if err := prepare(o.DataDir); err != nil {
		return err
	}
	played, accounts := world()
	clk := byDay()
	played.Clock = clk
	platforms, err := simulator.New(played)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := platforms.Start(ctx, "127.0.0.1:0"); err != nil {
		return err
	}
	defer platforms.Close()

	cfg := configs.Default()
	cfg.Listen, cfg.DataDir, cfg.Accounts = o.Listen, o.DataDir, accounts
	cfg.Channels.WeChat.BaseURL, cfg.Channels.WeCom.BaseURL, cfg.Channels.AliyunSMS.BaseURL = platforms.URL(), platforms.URL(), platforms.URL()
	cfg.Channels.WeCom.OAuthURL = platforms.URL()
	cfg.Channels.Webhook.Allow = []string{"127.0.0.0/8"} // the story's other system is on this machine
	if err := cfg.Validate(); err != nil {
		return err
	}
	koi, err := app.Open(ctx, cfg, clk)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, koi.Close()) }()
	addr, err := koi.Listen()
	if err != nil {
		return err
	}
	base := "http://" + addr.String()
	platforms.PointAt(base)
	s := &story{koi: koi, platforms: platforms, out: o.Out, base: base}
	if s.other, err = listen(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.other.server.Close()) }()
	koi.Server.Mount("GET", "/demo", s.page())

	running := make(chan error, 1)
	go func() { running <- koi.Run(ctx) }()
	told := s.tell(ctx)
	if told == nil && !o.Once {
		told = s.stay(ctx)
	}
	cancel()
	return errors.Join(ended(told), <-running)
}

func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func checkLoopback(listen string) error {
	addr, err := netip.ParseAddrPort(listen)
	if err != nil || !addr.Addr().IsLoopback() {
		return fault.New(fault.Invalid, "演示只在本机监听，请用 127.0.0.1:端口，现在是 %q", listen)
	}
	return nil
}

// prepare makes the data directory, or empties the one of a demo before.
func prepare(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fault.Wrap(err, fault.Invalid, "读不了演示目录 %s", dir)
	case len(entries) > 0:
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return fault.New(fault.Invalid, "%s 里有别的数据，演示不会动它：请用 --data-dir 指定一个空目录", dir)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("empty the demo's directory: %w", err)
			}
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Unavailable, "建不了演示目录 %s", dir)
	}
	return os.WriteFile(filepath.Join(dir, marker), []byte("koi demo 的数据，可以整个删掉\n"), 0o600)
}

var crowdActs = []simulator.Act{{Do: "menu", With: buttons[0]}, {Do: "say", With: "你好，想了解一下"}, {Do: "scan", With: "expo-2026"}}

// stay keeps the firm alive: somebody does something every few seconds.
func (s *story) stay(ctx context.Context) error {
	t := time.NewTicker(3 * time.Second)
	defer t.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		who := crowdID(i % crowd)
		a := simulator.Act{Do: "follow"}
		if round := i / crowd; round > 0 {
			a = crowdActs[round%len(crowdActs)]
		}
		a.Who, a.App = who, appID
		if _, err := s.platforms.Act(ctx, a); err != nil && ctx.Err() == nil {
			slog.Debug("background act", "do", a.Do, "err", err)
		}
	}
}

func (s *story) phones() string { return s.platforms.URL() + "/sim/" }

func (s *story) api(path string) string { return s.base + "/api/v1" + path }
