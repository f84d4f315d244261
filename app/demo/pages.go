package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/koi-scrm/koi/app/fault"
)

// The firm's pages: those of the starter, published.
const (
	paperPage = "white-paper"
	pricePage = "price"
)

// publish puts the starter's pages on the web, under the firm's name. A Koi without pages has none to
// publish.
func (s *Show) publish(ctx context.Context) error {
	for _, key := range []string{paperPage, pricePage} {
		path := "/definitions/page/" + key
		var page struct {
			Rev  int64
			Body map[string]any
		}
		if err := s.api.call(ctx, http.MethodGet, path, nil, &page); fault.Is(err, fault.NotFound) {
			continue
		} else if err != nil {
			return err
		}
		page.Body["status"], page.Body["wechat_login"] = "live", true
		text, err := json.Marshal(page.Body)
		if err != nil {
			return err
		}
		named := json.RawMessage(strings.ReplaceAll(string(text), "您的公司名称", "云帆软件"))
		if err := s.api.call(ctx, http.MethodPut, path, named, nil, "If-Match", fmt.Sprintf("%q", fmt.Sprint(page.Rev))); err != nil {
			return err
		}
	}
	return nil
}

// sheet is a page as it came to somebody's phone.
type sheet struct {
	at   *url.URL
	text string
}

// open loads a page in the webview of somebody's phone, with the cookies of that phone. Nothing of it runs.
func (s *Show) open(ctx context.Context, who, path string) (*sheet, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/sim/webview/"+url.PathEscape(who)+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	return s.load(req)
}

func (s *Show) load(req *http.Request) (*sheet, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, fault.New(fault.Unavailable, "手机上打不开 %s（%d）", res.Request.URL.Path, res.StatusCode)
	}
	return &sheet{at: res.Request.URL, text: string(text)}, nil
}

var (
	hidden  = regexp.MustCompile(`<input[^>]*>`)
	inName  = regexp.MustCompile(`\bname="([^"]*)"`)
	inValue = regexp.MustCompile(`\bvalue="([^"]*)"`)
	action  = regexp.MustCompile(`<form[^>]*\baction="([^"]*)"`)
)

// concealed are the fields of a page's form that nobody types.
func (p *sheet) concealed() url.Values {
	out := url.Values{}
	for _, tag := range hidden.FindAllString(p.text, -1) {
		name, value := inName.FindStringSubmatch(tag), inValue.FindStringSubmatch(tag)
		if strings.Contains(tag, `type="hidden"`) && name != nil && value != nil {
			out.Set(name[1], value[1])
		}
	}
	return out
}

// book fills in and sends the form of the price page on 周敏's phone, as a finger would.
func (s *Show) book(ctx context.Context, _ *glance) (view, error) {
	p, err := s.open(ctx, customer, "/p/"+pricePage)
	if err != nil {
		return view{}, err
	}
	in := p.concealed()
	for k, v := range map[string]string{"f_name": "周敏", "f_phone": phone, "f_company": "杭州启明智能装备有限公司", "f_title": "市场总监", "f_company_size": "320", "c_privacy": "1"} {
		in.Set(k, v)
	}
	to := "/p/" + pricePage + "/submit"
	if m := action.FindStringSubmatch(p.text); m != nil {
		to = strings.ReplaceAll(m[1], "&amp;", "&")
	}
	at, err := p.at.Parse(to)
	if err != nil {
		return view{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(in.Encode()))
	if err != nil {
		return view{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
	done, err := s.load(req)
	if err != nil {
		return view{}, err
	}
	return view{Phone: "zhoumin", View: "web", Path: done.at.RequestURI()}, nil
}

// share makes 陈静's link as her own share centre does: with the name of her browser, so that her own opening
// does not count.
func (s *Show) share(ctx context.Context, page string) error {
	p, err := s.open(ctx, sharer, "/p/"+page)
	if err != nil {
		return err
	}
	as, ok := s.doors.sessionOf("employee")
	if !ok {
		return fault.New(fault.Unavailable, "演示还没有准备好：请稍候")
	}
	her := &caller{base: s.caller().base, session: as}
	return her.call(ctx, http.MethodPost, "/my/shares", map[string]any{"page": page, "visitor": p.concealed().Get("_v")}, nil)
}
