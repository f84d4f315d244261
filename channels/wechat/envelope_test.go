package wechat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPush_is_what_the_platform_posts(t *testing.T) {
	t.Parallel()
	c := testCipher(t)
	push := c.Push(time.Unix(1_795_312_800, 0), "ww1", "1000002", []byte("<xml>hi</xml>"))
	root, err := ParseXML(string(push.Body))
	require.NoError(t, err)
	require.Equal(t, "ww1", root.Text("ToUserName"))
	require.Equal(t, "1000002", root.Text("AgentID"))
	require.Equal(t, "1795312800", push.Query.Get("timestamp"))

	encrypt, err := EncryptedXML(string(push.Body))
	require.NoError(t, err)
	require.True(t, c.Verify(push.Query.Get("msg_signature"), "1795312800", push.Query.Get("nonce"), encrypt))
	plain, err := c.Open(encrypt)
	require.NoError(t, err)
	require.Equal(t, "<xml>hi</xml>", string(plain))

	again := c.Push(time.Unix(1_795_312_800, 0), "ww1", "", []byte("<xml>hi</xml>"))
	require.NotEqual(t, push.Query.Get("nonce"), again.Query.Get("nonce"))
	require.NotContains(t, string(again.Body), "AgentID")
}

func TestEncrypted_finds_the_ciphertext_or_says_there_is_none(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"<xml><ToUserName>a</ToUserName><Encrypt><![CDATA[abc+/=]]></Encrypt></xml>": "abc+/=",
		"<xml>\n <Encrypt>abc</Encrypt>\n</xml>":                                     "abc",
		"<xml><Content>hi</Content></xml>":                                           "",
		"<xml><Deeper><Encrypt>abc</Encrypt></Deeper></xml>":                         "",
		"<xml><C><![CDATA[<Encrypt>abc</Encrypt>]]></C></xml>":                       "",
		"<xml><!--<Encrypt>abc</Encrypt>--></xml>":                                   "",
	} {
		got, err := EncryptedXML(body)
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	_, err := EncryptedXML("<xml><Encrypt><![CDATA[abc")
	require.ErrorIs(t, err, ErrXML)

	got, err := EncryptedJSON([]byte(`{"ToUserName":"gh_1","Encrypt":"abc+/="}`))
	require.NoError(t, err)
	require.Equal(t, "abc+/=", got)
	got, err = EncryptedJSON([]byte(`{"ToUserName":"gh_1"}`))
	require.NoError(t, err)
	require.Empty(t, got)
	for _, bad := range []string{"", "[]", `"x"`, `{"Encrypt":`, `{"Encrypt":5}`} {
		_, err = EncryptedJSON([]byte(bad))
		require.ErrorIs(t, err, ErrJSON, bad)
	}
}

func FuzzEncryptedXML(f *testing.F) {
	c := testCipher(f)
	f.Add(c.Push(time.Unix(1, 0), "ww1", "1", []byte("<xml/>")).Body)
	f.Add([]byte("<xml><Encrypt/></xml>"))
	f.Add([]byte("<xml><Encrypt><![CDATA[\xff]]></Encrypt></xml>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		encrypt, err := EncryptedXML(string(body))
		if err != nil {
			require.Empty(t, encrypt)
		}
		_, _ = c.Open(encrypt)
		_, _ = EncryptedJSON(body)
	})
}
