package simulator

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Aliyun's RPC signature is HMAC-SHA1
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/koi-scrm/koi/app/fault"
)

// SMSAccount is an Aliyun account with its short message service (阿里云短信).
type SMSAccount struct {
	AccessKeyID     string   `yaml:"access_key_id"`
	AccessKeySecret string   `yaml:"access_key_secret"`
	Signs           []string `yaml:"signs"` // approved signatures
	// Templates there are. Without any, the key may only send: any template is taken and its words aren't looked
	// at, but asking for templates is refused.
	Templates []SMSTemplate `yaml:"templates"`
	// ReceiptToken is what PointAt makes the two addresses of that receipts and replies are pushed to.
	ReceiptToken string `yaml:"receipt_token"`
	ReportURL    string `yaml:"report_url"`
	UpURL        string `yaml:"up_url"`
	// OldFormat pushes replies as the older documents have it: sequence_id a number, sign_name there.
	OldFormat bool `yaml:"old_format"`
	// Broke: the balance is used up.
	Broke bool `yaml:"broke"`
}

// SMSTemplate is a template as Aliyun reviewed it.
type SMSTemplate struct {
	Code    string `yaml:"code"`
	Name    string `yaml:"name"`
	Kind    string `yaml:"kind"`    // code, notice (default), marketing
	Content string `yaml:"content"` // with ${name} for each variable
	State   string `yaml:"state"`   // approved (default), reviewing, rejected, cancelled
	Reason  string `yaml:"reason"`  // why it was rejected
}

// smsWorld is all of Aliyun's side. It is guarded by Simulator.mu.
type smsWorld struct {
	accounts []*smsAccount
	byKey    map[string]*smsAccount
	nonces   *expiring[string, struct{}]
	sends    *expiring[string, []*smsSend] // by phone
}

type smsAccount struct{ SMSAccount }

func (a *smsAccount) template(code string) *SMSTemplate {
	for i := range a.Templates {
		if a.Templates[i].Code == code {
			return &a.Templates[i]
		}
	}
	return nil
}

// smsSend is a message Aliyun took, as its details show it.
type smsSend struct {
	account *smsAccount
	phone   string
	sign    string
	code    string
	text    string
	bizID   string
	outID   string
	at      time.Time // wall time in China
	status  int       // 1 waiting for the carrier, 2 failed, 3 arrived
	errCode string
}

const (
	// keptSends bounds the messages of one number that its details list, keptDays how long.
	keptSends = 100
	keptDays  = 30
)

func (w *smsWorld) build(cfg Config) {
	w.byKey = map[string]*smsAccount{}
	w.nonces = newExpiring[string, struct{}](cfg.DedupeKeys)
	w.sends = newExpiring[string, []*smsSend](maxPeople)
	for _, a := range cfg.SMS {
		x := &smsAccount{a}
		x.Templates = slices.Clone(a.Templates)
		w.accounts, w.byKey[a.AccessKeyID] = append(w.accounts, x), x
	}
}

func (a *SMSAccount) check(path string, bad func(string, string, ...any)) {
	if a.AccessKeyID == "" || a.AccessKeySecret == "" || len(a.Signs) == 0 {
		bad(path, "缺少 access_key_id、access_key_secret 或 signs")
	}
	a.Templates = slices.Clone(a.Templates)
	seen := map[string]bool{}
	for i := range a.Templates {
		t := &a.Templates[i]
		at := fmt.Sprintf("%s.templates[%d]", path, i)
		def(&t.Kind, "notice")
		def(&t.State, "approved")
		def(&t.Name, t.Code)
		if t.Code == "" || t.Content == "" || seen[t.Code] {
			bad(at, "code 为空或重复，或缺少 content")
		}
		seen[t.Code] = true
		if smsKinds[t.Kind] == nil {
			bad(at+".kind", "只能是 code、notice、marketing，不能是 %q", t.Kind)
		}
		if smsStates[t.State] == nil {
			bad(at+".state", "只能是 approved、reviewing、rejected、cancelled，不能是 %q", t.State)
		}
	}
	checkURL(path+".report_url", a.ReportURL, bad)
	checkURL(path+".up_url", a.UpURL, bad)
}

// pointAt gives the account the addresses of Koi's door at base.
func (a *SMSAccount) pointAt(base string) {
	if a.ReceiptToken == "" {
		return
	}
	a.ReportURL = strings.TrimSuffix(base, "/") + "/callback/sms/aliyun/" + a.ReceiptToken + "/report"
	a.UpURL = strings.TrimSuffix(base, "/") + "/callback/sms/aliyun/" + a.ReceiptToken + "/up"
}

// ReviewSMSTemplate changes where a template stands in the review, as a reviewer does.
func (s *Simulator) ReviewSMSTemplate(code, state, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if smsStates[state] == nil {
		return fault.New(fault.Invalid, "没有这种审核状态 %q", state)
	}
	for _, a := range s.sms.accounts {
		if t := a.template(code); t != nil {
			t.State, t.Reason = state, reason
			return nil
		}
	}
	return fault.New(fault.NotFound, "没有短信模板 %s", code)
}

// smsRefusal is Aliyun's refusal: a word, and a status other than 200 when the gateway refuses.
type smsRefusal struct {
	code    string
	message string
	status  int
}

func denyf(code, format string, args ...any) *smsRefusal {
	return &smsRefusal{code, fmt.Sprintf(format, args...), http.StatusOK}
}

func gateway(status int, code, message string) *smsRefusal { return &smsRefusal{code, message, status} }

// gatewayStatus are the HTTP statuses of codes the gateway answers with, for misbehaviours.
func gatewayStatus(code string) int {
	switch {
	case strings.HasPrefix(code, "is"): // isv., isp.
		return http.StatusOK
	case code == "InternalError":
		return http.StatusInternalServerError
	case code == "ServiceUnavailable":
		return http.StatusServiceUnavailable
	case strings.HasPrefix(code, "InvalidAccessKeyId"):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// smsCall is one RPC call.
type smsCall struct {
	call
	form    url.Values
	account *smsAccount
}

func (c *smsCall) str(name string) string { return c.form.Get(name) }

// actions is what Aliyun's short message service is asked here.
var actions = map[string]func(*Simulator, *smsCall) (answer, *smsRefusal){
	"SendSms":              (*Simulator).sendSMS,
	"SendBatchSms":         (*Simulator).sendSMSBatch,
	"QuerySendDetails":     (*Simulator).querySMS,
	"QuerySmsTemplateList": (*Simulator).listSMSTemplates,
	"GetSmsTemplate":       (*Simulator).getSMSTemplate,
}

// isSMS reports whether a request is a call of Aliyun's RPC: those all go to the root.
func isSMS(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == http.MethodPost || r.URL.Query().Has("Action"))
}

// serveSMS answers a call of Aliyun's RPC, or misbehaves. Journals and misbehaviours know a call by its
// Action; Code in the journal is 0 for OK and 1 for a refusal, whose word stands in the answer.
func (s *Simulator) serveSMS(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body too large or broken", http.StatusBadRequest)
		return
	}
	c := &smsCall{form: r.URL.Query()}
	if more, err := url.ParseQuery(string(body)); err == nil {
		for k, v := range more {
			c.form[k] = append(c.form[k], v...)
		}
	}
	c.call = call{id: s.nextID(), now: s.clk.Now().UnixMilli(), wall: s.clk.Wall().UnixMilli(), method: r.Method, path: c.str("Action")}
	c.ip, _, _ = net.SplitHostPort(r.RemoteAddr)
	name := c.str("SignName")
	def(&name, c.str("AccessKeyId"))
	act := actions[c.path]
	odd := s.faults.take(c.path, name)
	var a answer
	status := http.StatusOK
	switch {
	case odd != nil && !odd.After && (odd.Drop || odd.Status != 0):
	case odd != nil && (odd.Error != "" || odd.Code != 0):
		word := odd.Error
		def(&word, "isp.SYSTEM_ERROR") // Aliyun has no numbers
		said := odd.Message
		def(&said, word)
		a, status = c.refused(&smsRefusal{word, said, gatewayStatus(word)})
	default:
		s.mu.Lock()
		a, status = s.performSMS(c, act)
		s.mu.Unlock()
		for _, do := range c.done {
			do()
		}
	}
	s.calls.add(c.record(name, odd, a, time.Since(began)), act != nil)
	if odd != nil && !s.holdBack(w, r, odd) {
		return
	}
	s.reply(w, status, a)
}

func (s *Simulator) performSMS(c *smsCall, act func(*Simulator, *smsCall) (answer, *smsRefusal)) (answer, int) {
	if no := s.admitSMS(c); no != nil {
		return c.refused(no)
	}
	if act == nil {
		return c.refused(gateway(http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."))
	}
	a, no := act(s, c)
	if no != nil {
		return c.refused(no)
	}
	if a == nil {
		a = answer{}
	}
	a["Code"], a["Message"], a["RequestId"] = "OK", "OK", c.requestID()
	return a, http.StatusOK
}

func (c *smsCall) requestID() string {
	return strings.ToUpper(fmtID("C7E7D2A5-", c.id))
}

func (c *smsCall) refused(no *smsRefusal) (answer, int) {
	a := answer{"Code": no.code, "Message": no.message, "RequestId": c.requestID()}
	if no.status != http.StatusOK {
		a["HostId"] = "dysmsapi.aliyuncs.com"
		a["Recommend"] = "https://api.aliyun.com/troubleshoot?q=" + no.code
	}
	return a, no.status
}

// record is a call as the journal keeps it, without key and signature.
func (c *smsCall) record(account string, odd *Misbehaviour, a answer, took time.Duration) Call {
	kept := map[string]string{}
	for k := range c.form {
		switch k {
		case "Signature", "AccessKeyId", "SignatureNonce", "SignatureMethod", "SignatureVersion", "SignatureType", "Timestamp", "Version", "Format", "RegionId":
		default:
			kept[k] = cut(c.form.Get(k), keptBody)
		}
	}
	out := Call{At: c.now, Method: c.method, Path: c.path, Account: account, Body: encode(kept), TookMicros: took.Microseconds()}
	if a != nil {
		out.Answer = encode(a)
		if a["Code"] != "OK" {
			out.Code = 1
		}
	}
	if odd != nil {
		out.Misbehaved = odd.String()
	}
	return out
}

// admitSMS is what the gateway checks: key, signature, time, nonce, version.
func (s *Simulator) admitSMS(c *smsCall) *smsRefusal {
	a := s.sms.byKey[c.str("AccessKeyId")]
	if a == nil {
		return gateway(http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	c.account = a
	if c.str("SignatureMethod") != "HMAC-SHA1" || c.str("SignatureVersion") != "1.0" || c.str("Version") != "2017-05-25" {
		return gateway(http.StatusBadRequest, "InvalidParameter", "SignatureMethod, SignatureVersion or Version is not supported.")
	}
	want := signRPC(c.method, c.form, a.AccessKeySecret)
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.str("Signature"))) != 1 {
		return gateway(http.StatusBadRequest, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
	}
	const skew = 15 * time.Minute // [recall]
	// The SDK signs with the machine's time, whatever clock the simulator has.
	at, err := time.Parse("2006-01-02T15:04:05Z", c.str("Timestamp"))
	if err != nil || time.Since(at).Abs() > skew {
		return gateway(http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	nonce := a.AccessKeyID + " " + c.str("SignatureNonce")
	if _, used := s.sms.nonces.get(nonce, c.wall); used || c.str("SignatureNonce") == "" {
		return gateway(http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	s.sms.nonces.put(nonce, struct{}{}, c.wall+2*skew.Milliseconds(), c.wall)
	return nil
}

// signRPC is the signature of Aliyun's RPC calls, version 1.0: over method and all parameters, sorted.
func signRPC(method string, form url.Values, secret string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(form)) {
		if k != "Signature" {
			pairs = append(pairs, percent(k)+"="+percent(form.Get(k)))
		}
	}
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(method + "&" + percent("/") + "&" + percent(strings.Join(pairs, "&"))))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percent is RFC 3986 encoding: everything but unreserved characters.
func percent(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// page reads a page's number and size, which may be named in two ways.
func (c *smsCall) page(number string, most int) (page, size int, no *smsRefusal) {
	page, size = 1, 10
	for _, f := range []struct {
		name string
		to   *int
	}{{number, &page}, {"PageSize", &size}} {
		if v := c.str(f.name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return 0, 0, denyf("isv.INVALID_PARAMETERS", "%s 不合法", f.name)
			}
			*f.to = n
		}
	}
	if size > most {
		return 0, 0, denyf("isv.INVALID_PARAMETERS", "PageSize 最大 %d", most)
	}
	return page, size, nil
}

// window is one page of a list.
func pageOf[T any](list []T, page, size int) []T {
	from := min((page-1)*size, len(list))
	return list[from:min(from+size, len(list))]
}
