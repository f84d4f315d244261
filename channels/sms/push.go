package sms

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/event"
)

// source names this door in events.
const source = "sms"

// decode reads a JSON array element by element, so that a large one is never in memory twice. An element
// that cannot be read is counted and skipped: refusing the push for it would lose the others after three
// tries.
func decode(p *push, body io.Reader, read reader) (events []*event.Event, bad int, err error) {
	dec := json.NewDecoder(body)
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, 0, errors.Join(err, errNoArray)
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, 0, err
		}
		more, err := read(p, raw)
		if err != nil {
			bad++
			continue
		}
		events = append(events, more...)
	}
	if _, err := dec.Token(); err != nil {
		return nil, 0, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.Join(err, errNoArray)
	}
	return events, bad, nil
}

var (
	errNoArray    = errors.New("not one JSON array")
	errIncomplete = errors.New("a field that names the fact is missing")
)

// scalar takes a JSON string, number or truth value as text: Aliyun's documents and pushes disagree on which
// of them a field is.
type scalar string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scalar) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		*s = scalar(text)
		return nil
	}
	if string(raw) == "null" {
		return nil
	}
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		return errors.New("an object or a list where a single value belongs")
	}
	*s = scalar(raw)
	return nil
}

// at reads a time of Aliyun, which is China's; otherwise the time at the door.
func (p *push) at(text scalar) int64 {
	t, err := time.ParseInLocation(time.DateTime, string(text), china)
	if err != nil {
		return p.now
	}
	return clock.Ms(t)
}

// digest names a fact by values that must not stand in a key themselves.
func digest(values ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(values, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// report is one receipt of SmsReport.
type report struct {
	Phone      scalar `json:"phone_number"`
	SendTime   scalar `json:"send_time"`
	ReportTime scalar `json:"report_time"`
	Success    scalar `json:"success"`
	ErrCode    scalar `json:"err_code"`
	ErrMsg     scalar `json:"err_msg"`
	Size       scalar `json:"sms_size"`
	BizID      scalar `json:"biz_id"`
	OutID      scalar `json:"out_id"`
}

// report says of one message whether it arrived. The event carries no identity: the outbox knows whose
// message it was, and a receipt for none of ours must make nobody. One receipt counts for a message and
// number, whatever a later one says: they repeat, and contradict each other only by mistake.
func (d *Door) report(p *push, raw json.RawMessage) ([]*event.Event, error) {
	var r report
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	biz := db.Clip(string(r.BizID), 64)
	if biz == "" || r.Success != "true" && r.Success != "false" {
		return nil, errIncomplete
	}
	e := &event.Event{Type: event.MessageDelivered, Source: source, Account: p.receiptAccount(), Lane: event.Normal,
		Key: "report/" + digest(biz, string(r.Phone)), OccurredAt: p.at(r.ReportTime), ReceivedAt: p.now,
		Props: event.Props{"channel": "sms", "platform_id": biz}}
	if out := db.Clip(string(r.OutID), 64); out != "" {
		e.Props["out_id"] = out
	}
	if n, err := strconv.Atoi(string(r.Size)); err == nil && n > 0 && n < 100 {
		e.Props["segments"] = n
	}
	if r.Success == "false" {
		e.Type = event.MessageFailed
		e.Props["err_code"] = db.Clip(string(r.ErrCode), 64)
		e.Props["reason"] = receiptReason(string(r.ErrCode), string(r.ErrMsg))
	}
	return []*event.Event{e}, nil
}

// receiptAccount is the signature whose message it is, as far as the address tells: where several share it,
// the outbox finds the message by its out_id.
func (p *push) receiptAccount() string {
	if p.sign != "" {
		return p.sign
	}
	return p.account.SignName
}

// receiptReasons explain the carriers' codes in receipts (短信回执错误码) [recall].
var receiptReasons = map[string]string{
	"MOBILE_NOT_ON_SERVICE": "手机号已停机、空号或不在服务区：请核对号码",
	"MOBILE_SEND_LIMIT":     "这个号码收到的短信已达运营商上限：请改日再发",
	"MOBILE_TERMINAL_ERROR": "手机关机、欠费或信号不好：请稍后再发",
	"SIGNATURE_BLACKLIST":   "签名被运营商拦截：请在阿里云短信控制台核对签名",
	"SP_UNKNOWN_ERROR":      "运营商没有说明原因：可以稍后再发",
	"SP_NOT_BY_SMS":         "运营商退回：请改用其他方式联系",
	"CONTENT_KEYWORD":       "内容含有运营商禁止的词：请修改模板或变量",
	"CONTENT_ERROR":         "内容被运营商拦截：请修改模板或变量",
	"REQUEST_SUCCESS":       "运营商已接收，但没有送达",
	"NO_ROUTE":              "没有到达这个号码的线路：请联系阿里云",
	"TEMPLATE_SEND_LIMIT":   "这个模板发送太频繁，被运营商拦截：请降低频率",
	"UNDELIV":               "没有送达：手机可能关机、停机或信号不好，可以稍后再发",
	"EXPIRED":               "运营商在有效期内没有送达：可以稍后再发",
	"REJECTD":               "运营商拒收：请核对内容和号码",
	"DB:0309":               "客户在运营商的黑名单里（曾退订）：请不要再发",
	"BLACK":                 "客户在运营商的黑名单里（曾退订）：请不要再发",
	"IS_CLOSED":             "短信通道被关闭：请联系阿里云",
	"USER_REJECT":           "客户拒收（曾退订）：请不要再发",
	"VALVE:M_MC":            "重复的短信被运营商拦截：请不要短时间重复发送",
	"MK:0001":               "没有送达：号码是空号",
	"MK:0000":               "没有送达：手机可能关机或信号不好，可以稍后再发",
	"CB:0001":               "没有送达：号码不存在或已停机",
	"MI:0000":               "没有送达：手机可能关机或信号不好，可以稍后再发",
	"MA:0001":               "没有送达：号码不存在或已停机",
	"MN:0001":               "没有送达：号码不存在或已停机",
	"MI:0024":               "没有送达：手机关机，可以稍后再发",
}

// receiptReason is why a message did not arrive, in Chinese.
func receiptReason(code, message string) string {
	code = word(code)
	if text := receiptReasons[code]; text != "" {
		return text + "（" + code + "）"
	}
	if message = db.Clip(strings.TrimSpace(message), 100); message != "" {
		return "没有送达：" + message + "（" + code + "）"
	}
	return "没有送达（" + code + "）：请在阿里云短信控制台查这个回执码"
}

// uplink is one message of SmsUp.
type uplink struct {
	Phone    scalar `json:"phone_number"`
	Content  scalar `json:"content"`
	SendTime scalar `json:"send_time"`
	DestCode scalar `json:"dest_code"`
	Sequence scalar `json:"sequence_id"`
	SignName scalar `json:"sign_name"`
}

// up says what a person replied, and that they want no more when that is what they wrote. SmsUp names no
// message; the number is the carrier's, so it is proof of who wrote.
func (d *Door) up(p *push, raw json.RawMessage) ([]*event.Event, error) {
	var u uplink
	if err := json.Unmarshal(raw, &u); err != nil {
		return nil, err
	}
	phone := domestic(string(u.Phone))
	if phone == "" {
		return nil, errIncomplete
	}
	name := db.Clip(string(u.Sequence), 64)
	if name == "" {
		name = digest(phone, string(u.SendTime), string(u.DestCode), string(u.Content))
	}
	sign := p.sign
	for _, acc := range d.accounts.SMSes() {
		if string(u.SignName) == acc.SignName {
			sign = acc.SignName
		}
	}
	person := []event.Identity{{Kind: event.KindPhone, Value: phone, Verified: true}}
	said := &event.Event{Type: event.MessageReplied, Source: source, Account: sign, Lane: event.Priority, Key: "up/" + name,
		Identities: person, OccurredAt: p.at(u.SendTime), ReceivedAt: p.now,
		Props: event.Props{"channel": "sms", "content": db.Clip(string(u.Content), 200), "dest_code": db.Clip(string(u.DestCode), 32), "sequence_id": db.Clip(string(u.Sequence), 64)}}
	if !unsubscribes(string(u.Content)) {
		return []*event.Event{said}, nil
	}
	leaves := &event.Event{Type: event.ConsentUnsubscribed, Source: source, Account: sign, Lane: event.Priority, Key: "unsubscribe/" + name,
		Identities: person, OccurredAt: said.OccurredAt, ReceivedAt: p.now, Props: event.Props{"channel": "sms", "source": "sms_uplink"}}
	return []*event.Event{said, leaves}, nil
}

// domestic is a mainland mobile number without its country code, "" for anything else.
func domestic(phone string) string {
	phone = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(phone), "+"), "00")
	if len(phone) == 13 {
		phone = strings.TrimPrefix(phone, "86")
	}
	if !mainland.MatchString(phone) {
		return ""
	}
	return phone
}

// unsubscribes reports whether a reply asks for no more messages. 拒收请回复R is what marketing messages end
// with; carriers and habit know the others. In doubt the person is believed to mean it.
func unsubscribes(content string) bool {
	text := strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～': // full width
			r -= 0xFEE0
		case r == '\u3000', r == '。', r == '”', r == '“':
			return -1
		}
		if r <= ' ' || strings.ContainsRune(".,!?\"'`-_;:()[]", r) {
			return -1
		}
		return r
	}, content)
	text = strings.ToUpper(text)
	switch text {
	case "R", "T", "TD", "N", "TDR", "QX", "退", "取消", "取消订阅", "NO", "STOP", "UNSUBSCRIBE", "回复R", "回复T", "回复TD", "回R", "回T", "回TD":
		return true
	}
	if utf8.RuneCountInString(text) > 20 {
		return false
	}
	for _, no := range []string{"不退订", "别退订", "不要退订", "没退订", "不拒收"} {
		if strings.Contains(text, no) {
			return false
		}
	}
	return strings.Contains(text, "退订") || strings.Contains(text, "拒收")
}
