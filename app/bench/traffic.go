package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" // the platforms' signature
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// door is one callback address and how the platform seals for it (加解密方案说明). It is written from the
// platform's documents, not with Koi's own code, so that both must be right.
type door struct {
	path     string
	receiver string
	envelope string // %s: the ciphertext
	block    cipher.Block
	iv       []byte
	rng      *rand.ChaCha8
}

func newDoor(path, receiver, envelope string) *door {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil {
		panic(err) // a constant
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return &door{path: path, receiver: receiver, envelope: envelope, block: block, iv: key[:aes.BlockSize], rng: rand.NewChaCha8([32]byte{1})}
}

func officialDoor() *door {
	return newDoor("/callback/official/"+appID, appID, "<xml><ToUserName><![CDATA["+original+"]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>")
}

func wecomDoor() *door {
	return newDoor(fmt.Sprintf("/callback/wecom/%s/%d", corpID, agentID), corpID, "<xml><ToUserName><![CDATA["+corpID+"]]></ToUserName><AgentID>"+
		strconv.Itoa(agentID)+"</AgentID><Encrypt><![CDATA[%s]]></Encrypt></xml>")
}

// seal encrypts a message: 16 random bytes, its length, it, the receiver, PKCS#7 to 32 bytes.
func (d *door) seal(plain string) string {
	const head = 20
	n := head + len(plain) + len(d.receiver)
	pad := 32 - n%32
	buf := make([]byte, n+pad)
	_, _ = d.rng.Read(buf[:16]) // never fails
	binary.BigEndian.PutUint32(buf[16:], uint32(len(plain)))
	copy(buf[head+copy(buf[head:], plain):], d.receiver)
	for i := n; i < len(buf); i++ {
		buf[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(d.block, d.iv).CryptBlocks(buf, buf)
	return base64.StdEncoding.EncodeToString(buf)
}

// request writes a whole HTTP request that carries a message, signed at a time.
func (d *door) request(to []byte, plain string, at time.Time) []byte {
	sealed := d.seal(plain)
	stamp := strconv.FormatInt(at.Unix(), 10)
	nonce := strconv.FormatUint(d.rng.Uint64(), 10)
	body := fmt.Sprintf(d.envelope, sealed)
	to = fmt.Appendf(to, "POST %s?timestamp=%s&nonce=%s&encrypt_type=aes&msg_signature=%s HTTP/1.1\r\nHost: koi\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s",
		d.path, stamp, nonce, sign(token, stamp, nonce, sealed), len(body), body)
	return to
}

func sign(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// The people of the bench world by number, from 1 on.
func openID(n int) string   { return fmt.Sprintf("oBench%022d", n) }
func external(n int) string { return fmt.Sprintf("wmBench%025d", n) }

// keyword is what the starter journeys answer.
const keyword = "你好，请问报价是多少？"

// traffic makes callbacks: what followers and customers do, in a mix like that of a service account with
// WeCom beside it. Each has its own person and so its own dedupe key.
type traffic struct {
	rng      *rand.Rand
	official *door
	wecom    *door
	people   int // who exists; further numbers are new people
	next     int // the next person to act: everyone once before anyone twice
	fresh    int // new people so far
	id       int64
	// Of 100 callbacks so many are a keyword message, a scan, of somebody new: what the starter journeys
	// answer. Together they must stay below what one account may send (200 a second), or messages queue.
	keywords, scans, newcomers int
}

func newTraffic(people int) *traffic {
	return &traffic{rng: rand.New(rand.NewPCG(7, 7)), official: officialDoor(), wecom: wecomDoor(), people: people,
		id: time.Now().UnixMilli() * 1_000_000}
}

// callback is one act, ready to be sent.
type callback struct {
	door    *door
	plain   string
	person  int
	keyword bool
	friend  bool // of a member of staff, new
}

// make chooses an act as of a time.
func (t *traffic) make(at time.Time) callback {
	t.id++
	roll := t.rng.IntN(100)
	if roll < t.newcomers || t.people == 0 {
		t.fresh++
		n := t.people + t.fresh
		if t.fresh%2 == 0 {
			return callback{door: t.wecom, person: n, plain: customer("add_external_contact", n, at)}
		}
		return callback{door: t.official, person: n, plain: official(n, at, "event", "<Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[]]></EventKey>")}
	}
	// Steps coprime to the number of people visit everyone once.
	t.next = (t.next + 7919) % t.people
	n := t.next + 1
	c := callback{door: t.official, person: n}
	roll -= t.newcomers
	if roll < t.keywords {
		c.keyword, c.plain = true, t.text(n, keyword, at)
		return c
	}
	if roll -= t.keywords; roll < t.scans {
		c.plain = official(n, at, "event", fmt.Sprintf("<Event><![CDATA[SCAN]]></Event><EventKey><![CDATA[expo_%d]]></EventKey><Ticket><![CDATA[T%d]]></Ticket>", t.id%20, t.id%20))
		return c
	}
	switch roll -= t.scans; {
	case roll < 15:
		c.plain = t.text(n, "谢谢，我再看看", at)
	case roll < 40:
		c.plain = official(n, at, "event", fmt.Sprintf("<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[menu_%d]]></EventKey>", t.id%5))
	case roll < 70:
		c.plain = official(n, at, "event", fmt.Sprintf("<Event><![CDATA[VIEW]]></Event><EventKey><![CDATA[https://www.example.com/case/%d]]></EventKey><MenuId>411</MenuId>", t.id%50))
	default:
		c.door, c.plain = t.wecom, customer("edit_external_contact", n, at)
	}
	return c
}

// click is a person's choice of a menu item; everyone clicks once before anyone clicks twice.
func (t *traffic) click(key string) func(at time.Time) callback {
	return func(at time.Time) callback {
		t.next = (t.next + 7919) % t.people
		n := t.next + 1
		return callback{door: t.official, person: n, plain: official(n, at, "event", fmt.Sprintf("<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[%s]]></EventKey>", key))}
	}
}

func (t *traffic) text(n int, content string, at time.Time) string {
	return official(n, at, "text", fmt.Sprintf("<Content><![CDATA[%s]]></Content><MsgId>%d</MsgId>", content, t.id))
}

func official(n int, at time.Time, kind, rest string) string {
	return fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime><MsgType><![CDATA[%s]]></MsgType>%s</xml>",
		original, openID(n), at.Unix(), kind, rest)
}

func customer(change string, n int, at time.Time) string {
	return fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>%d</CreateTime><MsgType><![CDATA[event]]></MsgType>"+
		"<Event><![CDATA[change_external_contact]]></Event><ChangeType><![CDATA[%s]]></ChangeType><UserID><![CDATA[%s]]></UserID><ExternalUserID><![CDATA[%s]]></ExternalUserID>"+
		"<State><![CDATA[expo]]></State><WelcomeCode><![CDATA[%s]]></WelcomeCode></xml>",
		corpID, at.Unix(), change, staffID(n), external(n), welcomeCode(n))
}

func welcomeCode(n int) string { return fmt.Sprintf("w%d", n) }

// volley is requests written out beforehand.
type volley struct {
	raw     []byte
	ends    []int
	acts    []callback    // without their text
	spacing time.Duration // between two that are due; 0: as fast as answers come
}

// volley makes n callbacks at a rate (0: none).
func (t *traffic) volley(n, rate int) volley { return volleyOf(n, rate, t.make) }

func volleyOf(n, rate int, act func(at time.Time) callback) volley {
	v := volley{raw: make([]byte, 0, n*1300), ends: make([]int, 0, n), acts: make([]callback, 0, n)}
	if rate > 0 {
		v.spacing = time.Second / time.Duration(rate)
	}
	now := time.Now()
	for i := range n {
		at := now.Add(time.Duration(i) * v.spacing)
		c := act(at)
		// Signed at the time of writing: a signature must be fresh, not exact.
		v.raw = c.door.request(v.raw, c.plain, now)
		v.ends = append(v.ends, len(v.raw))
		c.plain = ""
		v.acts = append(v.acts, c)
	}
	return v
}

func (v *volley) request(i int) []byte {
	from := 0
	if i > 0 {
		from = v.ends[i-1]
	}
	return v.raw[from:v.ends[i]]
}
