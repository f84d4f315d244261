package httpapi

import (
	"context"
	"time"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/fault"
)

// QRCode leads to following an official account.
type QRCode struct {
	URL       string    `json:"url" doc:"画成二维码的内容"`
	Scene     string    `json:"scene" doc:"扫码关注、扫码事件带着它"`
	ExpiresAt time.Time `json:"expires_at"`
}

// qrCodeLife is how long a temporary code works.
const qrCodeLife = 24 * time.Hour

func (a *API) makeQRCode(ctx context.Context, in *struct {
	OfficialRef
	Body struct {
		Scene string `json:"scene" minLength:"1" maxLength:"64" doc:"场景值，如 onboarding"`
	}
}) (*answer[QRCode], error) {
	acc, ok := a.Accounts.Official(in.AppID)
	if !ok {
		if _, err := a.Accounts.Get(account.KindOfficial, in.AppID); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Conflict, "这个公众号现在不可用：请先到「渠道与健康」修好它")
	}
	url, until, err := a.QRCode(ctx, acc, in.Body.Scene, qrCodeLife)
	if err != nil {
		return nil, err
	}
	return &answer[QRCode]{QRCode{URL: url, Scene: in.Body.Scene, ExpiresAt: until.In(a.Zone)}}, nil
}
