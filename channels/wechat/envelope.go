package wechat

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// EncryptedXML returns the ciphertext of an XML envelope, or "" when the document has none: what else
// stands in the envelope is unsigned and must not be used. It returns ErrXML or ErrNotUTF8 when the
// document cannot be read.
func EncryptedXML(body string) (string, error) {
	root, err := ParseXML(body)
	if err != nil {
		return "", err
	}
	return root.Text("Encrypt"), nil
}

// EncryptedJSON is EncryptedXML for the envelopes of mini-programs that chose JSON.
func EncryptedJSON(body []byte) (string, error) {
	if !utf8.Valid(body) {
		return "", ErrNotUTF8
	}
	var envelope struct{ Encrypt string }
	if err := json.Unmarshal(body, &envelope); err != nil {
		return "", ErrJSON
	}
	return envelope.Encrypt, nil
}

// Push is a callback as the platform posts it: the query of the address and the body.
type Push struct {
	Query url.Values
	Body  []byte
}

// Push seals a message into an envelope and signs it. to is the envelope's ToUserName; agentID is empty
// except for WeCom. The official account's platform also sends signature, openid and encrypt_type, which
// prove nothing about the body.
func (c *Cipher) Push(at time.Time, to, agentID string, plain []byte) Push {
	encrypt := c.Seal(plain)
	var b strings.Builder
	b.Grow(len(encrypt) + len(to) + 160)
	b.WriteString("<xml>")
	element(&b, "ToUserName", to)
	element(&b, "Encrypt", encrypt)
	if agentID != "" {
		element(&b, "AgentID", agentID)
	}
	b.WriteString("</xml>")
	return Push{Query: c.Query(at, encrypt), Body: []byte(b.String())}
}

// PushJSON is Push for a mini-program that chose JSON.
func (c *Cipher) PushJSON(at time.Time, to string, plain []byte) Push {
	encrypt := c.Seal(plain)
	body, err := json.Marshal(map[string]string{"ToUserName": to, "Encrypt": encrypt})
	if err != nil {
		panic(err) // texts can always be encoded
	}
	return Push{Query: c.Query(at, encrypt), Body: body}
}

// Query signs a ciphertext: msg_signature, timestamp and a fresh nonce. With echostr added it is the query
// by which WeCom tries an address.
func (c *Cipher) Query(at time.Time, encrypt string) url.Values {
	var random [8]byte
	rand.Read(random[:])
	timestamp, nonce := strconv.FormatInt(at.Unix(), 10), hex.EncodeToString(random[:])
	return url.Values{
		"msg_signature": {c.Sign(timestamp, nonce, encrypt)},
		"timestamp":     {timestamp},
		"nonce":         {nonce},
	}
}

func element(b *strings.Builder, name, text string) {
	b.WriteString("<" + name + "><![CDATA[")
	b.WriteString(text)
	b.WriteString("]]></" + name + ">")
}
