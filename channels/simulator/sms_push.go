package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// pushReport pushes the receipt of one message, as Aliyun does: a JSON array, unsigned.
func (s *Simulator) pushReport(x *smsSend, now int64) {
	at := time.UnixMilli(now).In(china)
	item := answer{"phone_number": x.phone, "send_time": at.Format(time.DateTime), "report_time": at.Format(time.DateTime), "success": x.status == 3,
		"err_code": x.errCode, "err_msg": map[int]string{2: "发送失败", 3: "用户接收成功"}[x.status], "sms_size": "1", "biz_id": x.bizID, "out_id": x.outID}
	// A push that finds no room is lost, as at Aliyun after the last try.
	_, _ = s.pushSMS(x.account, &x.account.ReportURL, "SmsReport", []answer{item}, 0)
}

// pushSMS pushes an array to an address, with Aliyun's patience: an answer other than 200 with code 0 within
// the time brings it again, a few times, minutes apart.
func (s *Simulator) pushSMS(a *smsAccount, address *string, event string, items any, repeats int) ([]*Callback, error) {
	to := s.addressOf(address)
	if to == "" {
		return nil, nil
	}
	body := encode(items)
	return s.push(push{account: a.Signs[0], event: event, plain: body, url: to, contentType: "application/json;charset=UTF-8",
		seal:    func() (url.Values, []byte) { return nil, body },
		waits:   s.cfg.SMSRetries,
		timeout: s.cfg.SMSTimeout,
		accepts: func(status int, text string) bool {
			var said struct{ Code *int }
			return status == http.StatusOK && json.Unmarshal([]byte(text), &said) == nil && said.Code != nil && *said.Code == 0
		}}, repeats)
}

// smsActs are what somebody does with short messages.
var smsActs = []ActInfo{{"reply_sms", "回复短信", "sms", "文字，如 R"}}

// playSMS plays an act with short messages; known is false for any other.
func (s *Simulator) playSMS(a Act) (sc scene, known bool, err error) {
	if a.Do != "reply_sms" {
		return scene{}, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, err = s.replySMS(a)
	return sc, true, err
}

// replySMS is somebody's answer to a signature's last message, or a word out of the blue.
func (s *Simulator) replySMS(a Act) (scene, error) {
	if a.With == "" {
		return scene{}, fault.New(fault.Invalid, "缺少 with：请写回复的文字")
	}
	phone := a.Who
	if p := s.people[a.Who]; p != nil && p.Phone != "" {
		phone = p.Phone
	}
	if !smsPhone.MatchString(phone) {
		return scene{}, fault.New(fault.Invalid, "who 应是手机号，或有手机号的人")
	}
	account, sign := s.signFor(a.App)
	if account == nil {
		return scene{}, fault.New(fault.NotFound, "没有短信签名 %q：app 请写签名", a.App)
	}
	now := s.clk.Now().UnixMilli()
	if p := s.phoneOwner(phone); p != nil {
		s.say(&p.chat, sign, now, "sms", a.With)
	}
	item := answer{"phone_number": phone, "content": a.With, "send_time": time.UnixMilli(now).In(china).Format(time.DateTime), "dest_code": "10690000",
		"sequence_id": fmt.Sprint(s.nextID())}
	if account.OldFormat {
		item["sequence_id"], item["sign_name"] = s.nextID(), sign
	}
	played := Played{Who: phone}
	return scene{played, func() ([]*Callback, error) {
		return s.pushSMS(account, &account.UpURL, "SmsUp", []answer{item}, a.Repeat)
	}}, nil
}

// signFor finds an account by signature; without one, the only one.
func (s *Simulator) signFor(sign string) (*smsAccount, string) {
	sign = strings.Trim(sign, "【】")
	if sign == "" && len(s.sms.accounts) == 1 {
		return s.sms.accounts[0], s.sms.accounts[0].Signs[0]
	}
	for _, a := range s.sms.accounts {
		if slices.Contains(a.Signs, sign) {
			return a, sign
		}
	}
	return nil, ""
}
