package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/ArtisanCloud/PowerLibs/v3/cache"
	"github.com/ArtisanCloud/PowerLibs/v3/logger/drivers"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel/power"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/work"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/work/message/request"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	oamessage "github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"
	"github.com/stretchr/testify/require"
)

// toHost sends every request to one server, whatever host it names.
type toHost struct{ base *url.URL }

func (t toHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = t.base.Scheme, t.base.Host
	return http.DefaultTransport.RoundTrip(r)
}

// silenceperCache is the SDK's cache interface over a map.
type silenceperCache struct{ m sync.Map }

func (c *silenceperCache) Get(key string) any { v, _ := c.m.Load(key); return v }
func (c *silenceperCache) Set(key string, v any, _ time.Duration) error {
	c.m.Store(key, v)
	return nil
}
func (c *silenceperCache) IsExist(key string) bool { _, ok := c.m.Load(key); return ok }
func (c *silenceperCache) Delete(key string) error { c.m.Delete(key); return nil }

// The one test that sets silenceper's process-wide client.
func TestSDK_silenceper_sends_customer_service_and_template_messages(t *testing.T) {
	r := newRig(t)
	base, err := url.Parse(r.http.URL)
	require.NoError(t, err)
	before := util.DefaultHTTPClient
	util.DefaultHTTPClient = &http.Client{Transport: toHost{base}, Timeout: 5 * time.Second}
	t.Cleanup(func() { util.DefaultHTTPClient = before })

	oa := officialaccount.NewOfficialAccount(&config.Config{AppID: testApp, AppSecret: testSecret, Cache: &silenceperCache{}})
	kf := oa.GetCustomerMessageManager()
	require.ErrorContains(t, kf.Send(oamessage.NewCustomerTextMessage("oChen", "hi")), "45015")
	r.play(Act{Who: "oChen", App: testApp, Do: "say", With: "报价"})
	require.NoError(t, kf.Send(oamessage.NewCustomerTextMessage("oChen", "报价单在这里")))
	id, err := oa.GetTemplate().Send(&oamessage.TemplateMessage{ToUser: "oChen", TemplateID: "tpl-order", ClientMsgID: "k-1",
		Data: map[string]*oamessage.TemplateDataItem{"thing1": {Value: "演示"}, "time2": {Value: "10:00"}}})
	require.NoError(t, err)
	require.Greater(t, id, int64(1<<53))
	info, err := oa.GetUser().GetUserInfo("oChen")
	require.NoError(t, err)
	require.Equal(t, "union-chen", info.UnionID)
	list, err := oa.GetUser().ListUserOpenIDs()
	require.NoError(t, err)
	require.Equal(t, []string{"oChen"}, list.Data.OpenIDs)
	require.EqualValues(t, 1, r.CallCount("/cgi-bin/token"))
	require.Len(t, r.Deliveries(DeliveryFilter{To: "oChen"}), 2)
}

// powerCache is what PowerWeChat's token handling uses of its cache. It wants back what JSON makes of
// what it stored.
type powerCache struct {
	cache.CacheInterface
	m sync.Map
}

func (c *powerCache) Get(key string, otherwise any) (any, error) {
	if v, ok := c.m.Load(key); ok {
		return v, nil
	}
	return otherwise, nil
}
func (c *powerCache) Set(key string, v any, _ time.Duration) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return err
	}
	c.m.Store(key, plain)
	return nil
}
func (c *powerCache) Has(key string) bool { _, ok := c.m.Load(key); return ok }

func TestSDK_PowerWeChat_sends_application_messages_and_reads_the_directory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	app, err := work.NewWork(&work.UserConfig{CorpID: testCorp, AgentID: testAgent, Secret: "agent-secret",
		OAuth: work.OAuth{Callback: "https://koi.example", Scopes: nil}, Log: work.Log{Driver: &drivers.DummyLogger{}},
		Http: work.Http{BaseURI: r.http.URL + "/", Timeout: 5}, Cache: &powerCache{}})
	require.NoError(t, err)
	ctx := r.context()
	head := request.RequestMessageSend{ToUser: "zhangsan|nobody", AgentID: testAgent, EnableDuplicateCheck: 1}

	text := &request.RequestMessageSendText{RequestMessageSend: head, Text: &request.RequestText{Content: "热线索"}}
	text.MsgType = "text"
	sent, err := app.Message.SendText(ctx, text)
	require.NoError(t, err)
	require.Zero(t, sent.ErrCode)
	require.Equal(t, "nobody", sent.InvalidUser)
	again, err := app.Message.SendText(ctx, text)
	require.NoError(t, err)
	require.Equal(t, sent.MsgID, again.MsgID)
	require.Len(t, r.Deliveries(DeliveryFilter{}), 1)

	card := &request.RequestMessageSendTextCard{RequestMessageSend: head, TextCard: &request.RequestTextCard{Title: "新线索", Description: "看了报价", Url: "https://koi.example"}}
	card.MsgType = "textcard"
	sent, err = app.Message.SendTextCard(ctx, card)
	require.NoError(t, err)
	require.Zero(t, sent.ErrCode, sent.ErrMsg)

	body := power.HashMap(cardMessage(buttonCard))
	sent, err = app.Message.Send(ctx, &body)
	require.NoError(t, err)
	require.NotEmpty(t, sent.ResponseCode)
	sent, err = app.Message.UpdateTemplateCard(ctx, &power.HashMap{"userids": []string{"zhangsan"}, "agentid": testAgent,
		"response_code": sent.ResponseCode, "button": power.HashMap{"replace_name": "已认领"}})
	require.NoError(t, err)
	require.Zero(t, sent.ErrCode, sent.ErrMsg)

	departments, err := app.Department.List(ctx, 0)
	require.NoError(t, err)
	require.Len(t, departments.Departments, 4)
	users, err := app.User.GetDetailedDepartmentUsers(ctx, 1, 1)
	require.NoError(t, err)
	require.Len(t, users.UserList, 4)
	user, err := app.User.Get(ctx, "zhangsan")
	require.NoError(t, err)
	require.Equal(t, []string{"LiNa"}, user.DirectLeader)
	contacts, err := app.ExternalContact.List(ctx, "zhangsan")
	require.NoError(t, err)
	require.Equal(t, []string{"wmChen"}, contacts.ExternalUserID)
	one, err := app.ExternalContact.Get(ctx, "wmChen", "")
	require.NoError(t, err)
	require.Equal(t, "union-chen", one.ExternalContact.UnionID)
	batch, err := app.ExternalContact.BatchGet(ctx, []string{"zhangsan"}, "", 10)
	require.NoError(t, err)
	require.Equal(t, "wmChen", batch.ExternalContactList[0].ExternalContact.ExternalUserID)
	id, err := app.IdConvert.UnionIDToExternalUserID(ctx, "union-chen", "oChen", 0)
	require.NoError(t, err)
	require.Equal(t, "wmChen", id.ExternalUserID)

	// PowerWeChat fetches a new token once and sends again, body intact.
	r.ExpireTokens("")
	text.Text.Content = "令牌过期以后"
	sent, err = app.Message.SendText(ctx, text)
	require.NoError(t, err)
	require.Zero(t, sent.ErrCode, sent.ErrMsg)
	require.EqualValues(t, 2, r.CallCount("/cgi-bin/gettoken"))
	require.Equal(t, "令牌过期以后", r.Deliveries(DeliveryFilter{Limit: 1})[0].Text)
}
