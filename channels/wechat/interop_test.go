package wechat_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/officialaccount"
	"github.com/koi-scrm/koi/channels/wechat"
	"github.com/koi-scrm/koi/channels/wechat/doortest"
	"github.com/koi-scrm/koi/channels/wecom"
)

const (
	peerToken = "QDG6eK"
	peerKey   = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	peerCorp  = "ww5823bf96d3bd56c7"
	peerApp   = "wx5823bf96d3bd56c7"
)

// peerAccounts are a WeCom app and an official account with one token and key.
type peerAccounts struct{}

func (peerAccounts) WeCom(corpID string, agentID int) (account.WeCom, bool) {
	return account.WeCom{CorpID: corpID, AgentID: agentID, Token: peerToken, AESKey: peerKey}, corpID == peerCorp
}

func (peerAccounts) Official(appID string) (account.Official, bool) {
	return account.Official{AppID: appID, Token: peerToken, AESKey: peerKey, Mode: account.ModeAES}, appID == peerApp
}

type question struct {
	Do        string `json:"do"`
	Token     string `json:"token"`
	Key       string `json:"key"`
	Receiver  string `json:"receiver,omitempty"`
	Timestamp string `json:"timestamp"`
	Nonce     string `json:"nonce"`
	Text      string `json:"text,omitempty"`
	Encrypt   string `json:"encrypt,omitempty"`
}

type reply struct{ Signature, Encrypt, Text, Receiver string }

// ask puts questions to npm's @wecom/crypto, an implementation that is not ours.
func ask(t *testing.T, questions ...question) []reply {
	t.Helper()
	const dir = "testdata/interop"
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@wecom", "crypto")); err != nil {
		const missing = "the independent implementation is not installed: run `make node`"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	var in bytes.Buffer
	for _, q := range questions {
		q.Token, q.Key = peerToken, peerKey
		require.NoError(t, json.NewEncoder(&in).Encode(q))
	}
	cmd := exec.CommandContext(t.Context(), "node", "peer.js")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, &in, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var answers []reply
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var r reply
		require.NoError(t, lines.Decode(&r))
		answers = append(answers, r)
	}
	require.Len(t, answers, len(questions))
	return answers
}

func TestDoors_accept_what_an_independent_implementation_sealed(t *testing.T) {
	t.Parallel()
	now := strconv.FormatInt(doortest.Start.Unix(), 10)
	const (
		added = `<xml><ToUserName><![CDATA[ww5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>` +
			`<CreateTime>1795312799</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>` +
			`<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[张三]]></UserID>` +
			`<ExternalUserID><![CDATA[woAJ2GCAAAXtWyujaWJHDDGi0mAAAAAA]]></ExternalUserID></xml>`
		said = `<xml><FromUserName>oA1</FromUserName><CreateTime>1795312799</CreateTime><MsgType>text</MsgType><Content>报价 🐟</Content><MsgId>1</MsgId></xml>`
		echo = "1616140317555161061"
	)
	push := func(receiver, text string) question {
		return question{Do: "push", Receiver: receiver, Timestamp: now, Nonce: "1320562132", Text: text}
	}
	answers := ask(t, push(peerCorp, added), push(peerApp, said), push(peerCorp, echo), push("ww0000000000000000", added))
	query := func(r reply) url.Values {
		return url.Values{"msg_signature": {r.Signature}, "timestamp": {now}, "nonce": {"1320562132"}}
	}
	envelope := func(r reply) []byte {
		return []byte("<xml><ToUserName><![CDATA[x]]></ToUserName><Encrypt><![CDATA[" + r.Encrypt + "]]></Encrypt></xml>")
	}

	h := doortest.New(t, dbtest.SQLite(t))
	wecom.NewDoor(peerAccounts{}, h.Callbacks).Register(h.Engine)
	officialaccount.NewDoor(peerAccounts{}, h.Callbacks).Register(h.Engine)
	const wecomPath, officialPath = "/callback/wecom/" + peerCorp + "/1000002", "/callback/official/" + peerApp

	w := h.Post(wecomPath, query(answers[0]), envelope(answers[0]))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	w = h.Post(officialPath, query(answers[1]), envelope(answers[1]))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	stored := h.Stored(t)
	require.Len(t, stored, 2)
	require.Equal(t, "张三", stored[0].Staff)
	require.Equal(t, "报价 🐟", stored[1].Props["content"])

	q := query(answers[2])
	q.Set("echostr", answers[2].Encrypt)
	w = h.Get(wecomPath, q)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, echo, w.Body.String())

	require.Equal(t, http.StatusUnauthorized, h.Post(wecomPath, query(answers[3]), envelope(answers[3])).Code)
}

func TestCipher_seals_what_an_independent_implementation_reads(t *testing.T) {
	t.Parallel()
	c, err := wechat.NewCipher(wechat.Credentials{Token: peerToken, AESKey: peerKey, Receiver: peerCorp})
	require.NoError(t, err)
	var questions []question
	var texts []string
	for n := range 70 { // every length of padding, twice
		texts = append(texts, strings.Repeat("x", n)+"中文")
		questions = append(questions, question{Do: "read", Timestamp: "1409659813", Nonce: "n", Encrypt: c.Seal([]byte(texts[n]))})
	}
	for i, r := range ask(t, questions...) {
		require.Equal(t, texts[i], r.Text)
		require.Equal(t, peerCorp, r.Receiver)
		require.Equal(t, r.Signature, c.Sign("1409659813", "n", questions[i].Encrypt))
	}
}
