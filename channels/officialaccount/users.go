package officialaccount

import (
	"context"
	"fmt"
	"net/url"

	"github.com/silenceper/wechat/v2/officialaccount/user"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Follower is what the platform tells of a person by OpenID. Nickname, avatar, sex and region are not
// among it since 2021-12-27; of someone who does not follow, only Subscribed is known.
type Follower struct {
	OpenID       string
	UnionID      string // only when the account is bound to an open platform account
	Subscribed   bool
	SubscribedAt int64  // Unix ms
	Scene        string // subscribe_scene: ADD_SCENE_QR_CODE, ADD_SCENE_SEARCH, …
	QRScene      string // of the parametric QR code they followed through
	Remark       string
}

// Users asks an official account about people.
type Users struct {
	caller *wechat.Caller
}

// NewUsers makes Users over a caller.
func NewUsers(caller *wechat.Caller) *Users { return &Users{caller: caller} }

// Get fetches one person (user/info). Errors are *wechat.Error; an OpenID of another account is
// fault NotFound.
func (u *Users) Get(ctx context.Context, acc account.Official, openID string) (Follower, error) {
	ticket := u.caller.Begin(ctx, acc.Credential())
	defer ticket.End()
	// The SDK pastes the OpenID into the address as it is.
	info, sdkErr := user.NewUser(sdk(ticket)).GetUserInfo(url.QueryEscape(openID))
	if err := ticket.Err(); err != nil {
		return Follower{}, err
	}
	if sdkErr != nil {
		return Follower{}, fmt.Errorf("official account answer: %w", sdkErr)
	}
	f := Follower{OpenID: openID, UnionID: info.UnionID, Subscribed: info.Subscribe == 1, Remark: info.Remark}
	if f.Subscribed {
		f.SubscribedAt, f.Scene, f.QRScene = int64(info.SubscribeTime)*1000, info.SubscribeScene, info.QrSceneStr
	}
	return f, nil
}

// List reads the OpenIDs of all followers, in pages of up to 10,000 (user/get, of which an account has 500
// calls a day), and tells with the last one whether the list is whole: people come and go while it is read.
// It ends with the first error, take's included. Errors of the platform are *wechat.Error.
func (u *Users) List(ctx context.Context, acc account.Official, take func(openIDs []string, whole bool) error) error {
	read := 0
	for next := ""; ; {
		page, err := u.page(ctx, acc, next)
		if err != nil {
			return err
		}
		read += len(page.Data.OpenIDs)
		// The cursor must move, or the loop would not end.
		last := len(page.Data.OpenIDs) == 0 || read >= page.Total || page.NextOpenID == "" || page.NextOpenID == next
		if err := take(page.Data.OpenIDs, last && read >= page.Total); err != nil || last {
			return err
		}
		next = page.NextOpenID
	}
}

func (u *Users) page(ctx context.Context, acc account.Official, next string) (*user.OpenidList, error) {
	ticket := u.caller.Begin(ctx, acc.Credential())
	defer ticket.End()
	page, sdkErr := user.NewUser(sdk(ticket)).ListUserOpenIDs(next)
	if err := ticket.Err(); err != nil {
		return nil, err
	}
	if sdkErr != nil {
		return nil, fmt.Errorf("official account answer: %w", sdkErr)
	}
	return page, nil
}
