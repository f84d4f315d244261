package officialaccount

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/silenceper/wechat/v2/officialaccount/basic"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/channels/wechat"
)

// QRCode is a parametric QR code of an official account: who scans it follows, or comes back, and the event
// carries the scene.
type QRCode struct {
	URL   string // what the picture encodes
	Until time.Time
}

// Bounds of a temporary code (qrcode/create).
const (
	maxQRScene = 64 // characters of scene_str
	maxQRLife  = 30 * 24 * time.Hour
)

// NewQRCode makes a temporary code. Faults: Invalid for a scene or a life out of bounds, or what the platform
// refuses (48001: only certified 服务号 have such codes); Unavailable when it does not answer.
func NewQRCode(ctx context.Context, c *wechat.Caller, clk clock.Clock, acc account.Official, scene string, life time.Duration) (QRCode, error) {
	if n := utf8.RuneCountInString(scene); n < 1 || n > maxQRScene {
		return QRCode{}, fault.New(fault.Invalid, "二维码的场景值应为 1 到 %d 个字", maxQRScene)
	}
	if life < time.Minute || life > maxQRLife {
		return QRCode{}, fault.New(fault.Invalid, "临时二维码的有效期应为 1 分钟到 30 天")
	}
	ticket := c.Begin(ctx, acc.Credential())
	defer ticket.End()
	made, sdkErr := (&basic.Basic{Context: sdk(ticket)}).GetQRTicket(basic.NewTmpQrRequest(life, scene))
	if err := ticket.Err(); err != nil {
		var refused *wechat.Error
		if errors.As(err, &refused) {
			// The platform's meanings advise about messages, which are tried again by themselves.
			if refused.Later > 0 || refused.Code == 0 {
				return QRCode{}, fault.Wrap(err, fault.Unavailable, "没有生成二维码：%s，请稍后再试", refused.Meaning.What)
			}
			return QRCode{}, fault.Wrap(err, fault.Invalid, "没有生成二维码：%s", refused.Meaning.Reason())
		}
		return QRCode{}, err
	}
	if sdkErr != nil {
		return QRCode{}, fmt.Errorf("official account answer: %w", sdkErr)
	}
	if made.URL == "" {
		return QRCode{}, errors.New("official account answer: a QR code without an address")
	}
	return QRCode{made.URL, clk.Wall().Add(time.Duration(made.ExpireSeconds) * time.Second)}, nil
}
