package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/app/setting"
)

// DomainProof is a file with which a platform is shown that a domain is ours: MP_verify_… for the official
// account's and mini-program's domains, WW_verify_… for WeCom's trusted domain.
type DomainProof struct {
	Name      string     `json:"name" doc:"文件名，如 MP_verify_aBcD1234eFgH5678.txt"`
	Content   string     `json:"content" doc:"文件内容"`
	URL       string     `json:"url" doc:"平台会来读的地址；public_url 的域名须与平台后台填写的一致"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
	UpdatedBy string     `json:"updated_by,omitempty"`
}

var (
	// proofName is the platforms' pattern; nothing else can be put at the root of the domain.
	proofName = regexp.MustCompile(`^(MP|WW)_verify_[0-9A-Za-z]{4,64}\.txt$`)
	// proofContent is a line of letters and digits; wider than any known one, and never a page or a script.
	proofContent = regexp.MustCompile(`^[0-9A-Za-z_\-+/=.:]{1,256}\r?\n?$`)
)

const (
	// proofPrefix begins the keys of the settings the files are kept in: the system's own, so that they go
	// into no bundle; what proves one domain is of no use to another.
	proofPrefix = "domain_proof:"
	maxProofs   = 50
)

// proofBody is a file as it is kept.
type proofBody struct {
	Content string `json:"content"`
}

func (a *API) domainProof(it setting.Item) (DomainProof, error) {
	var b proofBody
	if err := json.Unmarshal(it.Body, &b); err != nil {
		return DomainProof{}, err
	}
	name := strings.TrimPrefix(it.Key, proofPrefix)
	return DomainProof{Name: name, Content: b.Content, URL: a.origin + "/" + name, UpdatedAt: a.since(it.UpdatedAt), UpdatedBy: it.UpdatedBy}, nil
}

func (a *API) proofs(ctx context.Context) ([]DomainProof, error) {
	items, err := a.Settings.List(ctx, systemKind)
	if err != nil {
		return nil, err
	}
	var list []DomainProof
	for _, it := range items {
		if !strings.HasPrefix(it.Key, proofPrefix) {
			continue
		}
		p, err := a.domainProof(it)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(x, y DomainProof) int { return cmp.Compare(x.Name, y.Name) })
	return list, nil
}

func (a *API) listDomainProofs(ctx context.Context, in *Page) (*listOf[DomainProof], error) {
	all, err := a.proofs(ctx)
	if err != nil {
		return nil, err
	}
	page, err := window(all, *in)
	return &listOf[DomainProof]{page}, err
}

type domainProofInput struct {
	Body struct {
		Name    string `json:"name" maxLength:"100" doc:"平台给的文件名，不能改"`
		Content string `json:"content" maxLength:"300" doc:"平台给的文件内容，不能改"`
	}
}

// putDomainProof adds a file or replaces its content; it is served at once, on every node.
func (a *API) putDomainProof(ctx context.Context, in *domainProofInput) (*answer[DomainProof], error) {
	name, content := strings.TrimSpace(in.Body.Name), in.Body.Content
	var wrong []fault.Problem
	if !proofName.MatchString(name) {
		wrong = append(wrong, fault.Problem{Path: "name", Message: "文件名应形如 MP_verify_….txt 或 WW_verify_….txt，请原样使用平台给的文件"})
	}
	if !proofContent.MatchString(content) {
		wrong = append(wrong, fault.Problem{Path: "content", Message: "内容应是一行字母和数字，请原样使用平台给的文件"})
	}
	if err := fault.Problems("校验文件没有保存，请改正标出的几项", wrong); err != nil {
		return nil, err
	}
	all, err := a.proofs(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) >= maxProofs && !slices.ContainsFunc(all, func(p DomainProof) bool { return p.Name == name }) {
		return nil, fault.New(fault.Conflict, "最多保存 %d 个校验文件：请先删除不再使用的", maxProofs)
	}
	body, err := json.Marshal(proofBody{content})
	if err != nil {
		return nil, err
	}
	change := setting.Change{Kind: systemKind, Key: proofPrefix + name, Body: body}
	if _, err := a.Settings.Apply(ctx, []setting.Change{change}, by(ctx).By()); err != nil {
		return nil, err
	}
	it, err := a.Settings.Get(ctx, systemKind, change.Key) // an unchanged one, too
	if err != nil {
		return nil, err
	}
	p, err := a.domainProof(it)
	return &answer[DomainProof]{p}, err
}

// DomainProofRef is the address of a file.
type DomainProofRef struct {
	Name string `path:"name" maxLength:"100"`
}

func (a *API) deleteDomainProof(ctx context.Context, in *DomainProofRef) (*struct{}, error) {
	missing := fault.New(fault.NotFound, "没有校验文件 %s", in.Name)
	if !proofName.MatchString(in.Name) {
		return nil, missing
	}
	if _, err := a.Settings.Get(ctx, systemKind, proofPrefix+in.Name); fault.Is(err, fault.NotFound) {
		return nil, missing
	} else if err != nil {
		return nil, err
	}
	_, err := a.Settings.Apply(ctx, []setting.Change{{Kind: systemKind, Key: proofPrefix + in.Name, Delete: true}}, by(ctx).By())
	return &struct{}{}, err
}

// serveProof answers the platforms' GET /MP_verify_….txt. The file is read for each request: they come when
// somebody presses 保存 at the platform, and it may have been uploaded on another node a second ago. Other
// paths are left to what follows.
func (a *API) serveProof(c *gin.Context) {
	name := strings.TrimPrefix(c.Request.URL.Path, "/")
	if (c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead) || !proofName.MatchString(name) {
		return
	}
	it, err := a.Settings.Get(c.Request.Context(), systemKind, proofPrefix+name)
	if fault.Is(err, fault.NotFound) {
		return
	}
	c.Abort()
	var p DomainProof
	if err == nil {
		p, err = a.domainProof(it)
	}
	if err != nil {
		slog.Error("读取域名校验文件失败", "file", name, "err", err)
		c.String(http.StatusServiceUnavailable, "暂时读不到校验文件，请稍后重试")
		return
	}
	c.Header("Cache-Control", "no-cache")
	c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(p.Content))
}
