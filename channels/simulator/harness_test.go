package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/channels/wechat"
)

const (
	testApp    = "wx0123456789abcdef"
	testSecret = "official-secret"
	testMini   = "wxmini0123456789ab"
	testCorp   = "ww0123456789abcdef"
	testAgent  = 1000002
	testToken  = "callbacktoken"
	testKey    = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// at is when tests begin: half past ten in the morning in China.
var at = time.Date(2026, 11, 22, 10, 30, 0, 0, china)

// testConfig is a world with one official account and one corp: 总部 over 销售部 and 市场部.
func testConfig() Config {
	return Config{
		Officials: []Official{{
			AppID: testApp, AppSecret: testSecret, Name: "锦鲤云", Token: testToken, AESKey: testKey,
			Templates: []Template{
				{ID: "tpl-order", Title: "预约成功通知", Fields: []Field{{"thing1", "项目"}, {"time2", "时间"}}},
				{ID: "ntc-start", Title: "活动开始提醒", Kind: NoticeTemplate, Fields: []Field{{"thing1", "活动"}, {"time2", "时间"}}},
				{ID: "ntc-bill", Title: "账单通知", Kind: LongTermTemplate, Fields: []Field{{"amount1", "金额"}}},
			},
			Menu: []Button{{Name: "报价", Key: "price"}, {Name: "官网", URL: "https://example.com"}},
		}},
		Minis: []Mini{{
			AppID: testMini, AppSecret: "mini-secret", Name: "锦鲤云助手", Token: testToken, AESKey: testKey,
			Templates: []Template{
				{ID: "sub-start", Title: "活动开始提醒", Fields: []Field{{"thing1", "活动"}, {"time2", "时间"}}},
				{ID: "sub-bill", Title: "账单通知", Kind: LongTermTemplate, Fields: []Field{{"amount1", "金额"}}},
			},
			Pages: []string{"pages/index"},
		}},
		Corps: []Corp{{
			CorpID: testCorp, Name: "锦鲤科技", ContactSecret: "contact-secret",
			Agents: []Agent{
				{AgentID: testAgent, Secret: "agent-secret", Name: "Koi", Token: testToken, AESKey: testKey},
				{AgentID: 1000003, Secret: "narrow-secret", Name: "市场专用", Token: testToken, AESKey: testKey, Visible: []int{3}, NoContacts: true},
			},
			Media:       []string{"media-1"},
			Departments: []Department{{1, "总部", 0}, {2, "销售部", 1}, {3, "市场部", 1}, {4, "华东销售", 2}},
			Staff: []Staff{
				{UserID: "LiNa", Name: "李娜", Position: "销售总监", Departments: []int{2}, Leads: []int{2}},
				{UserID: "zhangsan", Name: "张三", Departments: []int{4}, Leaders: []string{"LiNa"}},
				{UserID: "wangfang", Name: "王芳", Departments: []int{3}},
				{UserID: "asleep", Name: "未激活", Departments: []int{3}, Inactive: true},
			},
		}},
		People: []Person{
			{Name: "陈晨", UnionID: "union-chen", Follows: []Follow{{AppID: testApp, OpenID: "oChen"}}, Phone: "13800000001",
				Minis:    []MiniUser{{AppID: testMini, OpenID: "mChen"}},
				Contacts: []Contact{{CorpID: testCorp, ExternalUserID: "wmChen", Staff: []string{"zhangsan"}}}},
			{Name: "路人", Follows: []Follow{{AppID: testApp, OpenID: "oPasser", Known: true}}},
		},
		CallbackTimeout: 500 * time.Millisecond, CallbackSpacing: time.Millisecond, History: 500,
	}
}

// rig is a simulator on a manual clock, and a client of it.
type rig struct {
	*Simulator
	t     *testing.T
	clock *clock.Manual
	http  *httptest.Server
	kept  map[string]string
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := testConfig()
	manual := clock.NewManual(at)
	cfg.Clock = manual
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); server.CloseClientConnections(); server.Close() })
	return &rig{Simulator: s, t: t, clock: manual, http: server, kept: map[string]string{}}
}

// token fetches a token once for an owner: "official", "mini", "agent", "narrow" or "contact".
func (r *rig) token(owner string) string {
	r.t.Helper()
	if owner == "" {
		return ""
	}
	if r.kept[owner] == "" {
		var a map[string]any
		switch owner {
		case "official":
			a = r.get("/cgi-bin/token?grant_type=client_credential&appid=" + testApp + "&secret=" + testSecret)
		case "mini":
			a = r.post("/cgi-bin/stable_token", m{"grant_type": "client_credential", "appid": testMini, "secret": "mini-secret"})
		default:
			a = r.get("/cgi-bin/gettoken?corpid=" + testCorp + "&corpsecret=" + owner + "-secret")
		}
		require.Contains(r.t, a, "access_token")
		r.kept[owner] = a["access_token"].(string)
	}
	return r.kept[owner]
}

// as makes a call with an owner's token; body nil is a GET.
func (r *rig) as(owner, path string, body any) map[string]any {
	r.t.Helper()
	glue := "?"
	if strings.Contains(path, "?") {
		glue = "&"
	}
	path += glue + "access_token=" + r.token(owner)
	if body == nil {
		return r.get(path)
	}
	return r.post(path, body)
}

func (r *rig) get(path string) map[string]any {
	r.t.Helper()
	resp, err := http.Get(r.http.URL + path)
	require.NoError(r.t, err)
	return r.read(resp)
}

func (r *rig) post(path string, body any) map[string]any {
	r.t.Helper()
	var text []byte
	switch b := body.(type) {
	case string:
		text = []byte(b)
	default:
		text = encode(b)
	}
	resp, err := http.Post(r.http.URL+path, "application/json", bytes.NewReader(text))
	require.NoError(r.t, err)
	return r.read(resp)
}

func (r *rig) read(resp *http.Response) map[string]any {
	r.t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, resp.StatusCode, "%s", body)
	require.Equal(r.t, "application/json; charset=UTF-8", resp.Header.Get("Content-Type"))
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var a map[string]any
	require.NoError(r.t, dec.Decode(&a), "%s", body)
	return a
}

// code is the errcode of an answer; none is 0.
func code(a map[string]any) int {
	n, isNumber := a["errcode"].(json.Number)
	if !isNumber {
		return 0
	}
	v, _ := n.Int64()
	return int(v)
}

type m = map[string]any

// with copies a body with fields changed; nil removes one.
func with(body m, pairs ...any) m {
	out := maps.Clone(body)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
		} else {
			out[pairs[i].(string)] = pairs[i+1]
		}
	}
	return out
}

func kfText(to, text string) m {
	return m{"touser": to, "msgtype": "text", "text": m{"content": text}}
}

func appText(to, text string) m {
	return m{"touser": to, "msgtype": "text", "agentid": testAgent, "text": m{"content": text}}
}

// door is a server that receives callbacks and opens them with our own crypto.
type door struct {
	t      *testing.T
	server *httptest.Server
	cipher map[string]*wechat.Cipher // by path prefix

	mu     sync.Mutex
	got    []wechat.Element
	plain  []string
	bodies []string
	answer func(w http.ResponseWriter, n int) // nil: success
}

func newDoor(t *testing.T, r *rig) *door {
	t.Helper()
	d := &door{t: t, cipher: map[string]*wechat.Cipher{}}
	for prefix, receiver := range map[string]string{"/callback/official/": testApp, "/callback/mini/": testMini, "/callback/wecom/": testCorp} {
		c, err := wechat.NewCipher(wechat.Credentials{Token: testToken, AESKey: testKey, Receiver: receiver})
		require.NoError(t, err)
		d.cipher[prefix] = c
	}
	d.server = httptest.NewServer(d)
	t.Cleanup(func() { r.Close(); d.server.Close() })
	r.PointAt(d.server.URL)
	return d
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q := r.URL.Query()
	plain := body
	for prefix, c := range d.cipher {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			continue
		}
		if r.Method == http.MethodGet {
			d.echo(w, r, c, strings.HasPrefix(prefix, "/callback/wecom/"))
			return
		}
		sealed, err := wechat.EncryptedXML(string(body))
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			sealed, err = wechat.EncryptedJSON(body)
		}
		if err == nil && sealed != "" {
			if !c.Verify(q.Get("msg_signature"), q.Get("timestamp"), q.Get("nonce"), sealed) {
				http.Error(w, "msg_signature", http.StatusUnauthorized)
				return
			}
			if plain, err = c.Open(sealed); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		if !strings.HasPrefix(prefix, "/callback/wecom/") && !wechat.Verify(q.Get("signature"), testToken, q.Get("timestamp"), q.Get("nonce")) {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
	}
	var root wechat.Element
	if !bytes.HasPrefix(plain, []byte("{")) {
		var err error
		if root, err = wechat.ParseXML(string(plain)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	d.mu.Lock()
	d.plain = append(d.plain, string(plain))
	d.got = append(d.got, root)
	d.bodies = append(d.bodies, string(body))
	n, answer := len(d.got), d.answer
	d.mu.Unlock()
	if answer != nil {
		answer(w, n)
		return
	}
	_, _ = io.WriteString(w, "success")
}

func (d *door) echo(w http.ResponseWriter, r *http.Request, c *wechat.Cipher, sealed bool) {
	q := r.URL.Query()
	text := q.Get("echostr")
	if sealed {
		if !c.Verify(q.Get("msg_signature"), q.Get("timestamp"), q.Get("nonce"), text) {
			http.Error(w, "msg_signature", http.StatusUnauthorized)
			return
		}
		plain, err := c.Open(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text = string(plain)
	}
	_, _ = io.WriteString(w, text)
}

// events are the callbacks received, in order of arrival.
func (d *door) events() []wechat.Element {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]wechat.Element(nil), d.got...)
}

func (d *door) answers(f func(w http.ResponseWriter, n int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = f
}

// play acts and wants every callback acknowledged.
func (r *rig) play(a Act) Played {
	r.t.Helper()
	p, err := r.Act(r.context(), a)
	require.NoError(r.t, err)
	for _, cb := range p.Callbacks {
		require.Equal(r.t, Acknowledged, cb.Status, cb.Answer)
	}
	return p
}

// context ends long after a test should.
func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r.t.Cleanup(cancel)
	return ctx
}
