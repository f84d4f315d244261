package wecom

import (
	"context"
	"errors"

	"github.com/ArtisanCloud/PowerSocialite/v3/src/models"
	"github.com/ArtisanCloud/PowerSocialite/v3/src/response/weCom"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/work/externalContact/response"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/outbox"
	"github.com/koi-scrm/koi/channels/wechat"
)

// Customer is an external contact (外部联系人) with everyone of the staff who added them.
type Customer struct {
	ExternalUserID string
	UnionID        string // only when a developer account of the same subject is bound
	Name           string // the nickname in WeChat
	Gender         string // "male", "female" or "" (unknown)
	WeChat         bool   // a WeChat user; else a user of another corp's WeCom
	CorpName       string // WeCom users only
	Position       string // WeCom users only
	Follows        []Follow
}

// Follow is one friendship between staff and customer.
type Follow struct {
	UserID  string
	AddedAt int64  // Unix ms
	State   string // of the 联系我 way or link the customer came through
	AddWay  int    // how they met (path/92114, "add_way")
	Remark  string
}

// Customer fetches an external contact. Errors are *wechat.Error. Right after someone was added the platform
// may answer 84061 for a while: then Error.Later tells when to ask again, two or three times in all; after
// that the customer is lost. An id the platform doesn't know is fault NotFound.
func (c *Client) Customer(ctx context.Context, acc account.WeCom, externalUserID string) (Customer, error) {
	var out Customer
	for cursor := ""; ; {
		var got *weCom.ResponseGetExternalContact
		_, err := c.do(ctx, acc.ContactCredential(), func(a *app) (err error) {
			got, err = a.ExternalContact.Get(context.Background(), externalUserID, cursor)
			return err
		})
		if err != nil {
			return Customer{}, err
		}
		if x := got.ExternalContact; x != nil && out.ExternalUserID == "" {
			out = customerOf(x)
		}
		for _, f := range got.FollowUsers {
			out.Follows = append(out.Follows, followOf(f))
		}
		// Pages of 500 followers; the cursor must move, or the loop would not end.
		if got.NextCursor == "" || got.NextCursor == cursor {
			break
		}
		cursor = got.NextCursor
	}
	if out.ExternalUserID == "" {
		return Customer{}, &wechat.Error{Kind: account.KindWeCom, API: "/cgi-bin/externalcontact/get",
			Meaning: wechat.Meaning{Status: outbox.Failed, What: "平台没有给出这位客户的资料", Do: "请核对 external_userid"}}
	}
	return out, nil
}

// noCustomers is what the platform answers for a member without customers (path/92113).
const noCustomers = 84061

// Servants lists the members with the 客户联系 function whom the app sees. Errors are *wechat.Error.
func (c *Client) Servants(ctx context.Context, acc account.WeCom) ([]string, error) {
	var got *response.ResponseGetFollowUserList
	_, err := c.do(ctx, acc.ContactCredential(), func(a *app) (err error) {
		got, err = a.ExternalContact.GetFollowUsers(context.Background())
		return err
	})
	if err != nil {
		return nil, err
	}
	return got.FollowUser, nil
}

// CustomersOf reads all customers of a member in pages of 100 (externalcontact/batch/get_by_user), each with
// this one friendship, and tells with the last page that it is. It ends with the first error, take's
// included. Errors of the platform are *wechat.Error.
func (c *Client) CustomersOf(ctx context.Context, acc account.WeCom, userID string, take func(page []Customer, last bool) error) error {
	for cursor := ""; ; {
		var got *response.ResponseBatchGetByUser
		_, err := c.do(ctx, acc.ContactCredential(), func(a *app) (err error) {
			got, err = a.ExternalContact.BatchGet(context.Background(), []string{userID}, cursor, 100)
			return err
		})
		if e := (*wechat.Error)(nil); errors.As(err, &e) && e.Code == noCustomers && cursor == "" {
			return take(nil, true)
		}
		if err != nil {
			return err
		}
		var page []Customer
		for _, x := range got.ExternalContactList {
			if x.ExternalContact != nil && x.FollowInfo != nil {
				one := customerOf(x.ExternalContact)
				one.Follows = []Follow{followOf(x.FollowInfo)}
				page = append(page, one)
			}
		}
		if err := take(page, got.NextCursor == ""); err != nil || got.NextCursor == "" {
			return err
		}
		if got.NextCursor == cursor {
			return errors.New("WeCom answer: the cursor of batch/get_by_user stands still")
		}
		cursor = got.NextCursor
	}
}

func customerOf(x *models.ExternalContact) Customer {
	return Customer{ExternalUserID: x.ExternalUserID, UnionID: x.UnionID, Name: x.Name, Gender: gender(x.Gender),
		WeChat: x.Type == 1, CorpName: x.CorpName, Position: x.Position}
}

func followOf(f *models.FollowUser) Follow {
	return Follow{UserID: f.UserID, AddedAt: int64(f.CreateTime) * 1000, State: f.State, AddWay: f.AddWay, Remark: f.Remark}
}

func gender(n int) string {
	switch n {
	case 1:
		return "male"
	case 2:
		return "female"
	}
	return ""
}
