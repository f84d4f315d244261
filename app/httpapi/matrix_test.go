package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/auth"
)

// Groups of roles, for the table below.
const (
	known   = "admin marketer analyst leader sales employee" // whoever has signed in
	crowd   = "admin marketer analyst leader sales"          // who works with customers
	reveals = "admin leader sales"
	writes  = "admin marketer leader sales"
	insight = "admin marketer analyst"
	sharers = "admin marketer leader sales employee"
	runs    = "admin marketer leader"
	editors = "admin marketer"
	admin   = "admin"
)

// allowed says of each operation which roles may call it. It is written down once more, beside the code, so
// that a change of rights is made twice or noticed. A new operation needs a line here.
var allowed = map[string]string{
	"setUp": "anybody", "signIn": "anybody",
	"signOut": "users", "changeMyPassword": "users",
	"getMe": known, "openStream": crowd,

	"listSignInWays": "anybody", "beginWeComSignIn": "anybody", "endWeComSignIn": "anybody",
	"getMyPage": "users", "listMyLeads": crowd, "listMyShares": known, "mintMyShare": sharers, "listMyVisitors": known,

	"listUsers": admin, "addUser": admin, "getUser": admin, "changeUser": admin,
	"listKeys": admin, "addKey": admin, "revokeKey": admin,
	"listAudit": admin, "retryDeadLetter": admin, "discardDeadLetter": admin,

	"listContacts": crowd, "countContacts": crowd, "getContact": crowd, "searchContacts": crowd, "listContactTimeline": crowd, "explainContact": crowd,
	"findIdentity": crowd, "previewSegment": crowd, "getConsents": crowd, "getReach": crowd,
	"changeContact": writes, "tagContact": writes, "stateConsent": writes, "revealContact": reveals,

	"listTags": crowd, "listScores": crowd, "listStages": crowd, "listFields": crowd, "listSettings": crowd, "exportSettings": crowd, "getDefinition": crowd,
	"applySettings": editors, "putDefinition": editors, "deleteDefinition": editors, "setJourneyStatus": editors,

	"listMessages": crowd, "getMessage": crowd, "retryMessage": runs, "settleMessage": runs,
	"listJourneys": crowd, "getJourney": crowd, "listRuns": crowd, "getRun": crowd, "startRun": runs, "testRun": runs,
	"listStaff": crowd,

	"listAccounts": insight, "addAccount": admin,
	"getOfficialAccount": insight, "changeOfficialAccount": admin, "deleteOfficialAccount": admin, "checkOfficialAccount": admin, "makeQRCode": admin,
	"getWeComAccount": insight, "changeWeComAccount": admin, "deleteWeComAccount": admin, "checkWeComAccount": admin,
	"getMiniAccount": insight, "changeMiniAccount": admin, "deleteMiniAccount": admin, "checkMiniAccount": admin,
	"getSMSAccount": insight, "changeSMSAccount": admin, "deleteSMSAccount": admin, "checkSMSAccount": admin,
	"listSMSTemplates": insight, "refreshSMSTemplates": admin,
	"listDomainProofs": insight, "putDomainProof": admin, "deleteDomainProof": admin,
	"listWebhooks": insight, "addWebhook": admin, "getWebhook": insight, "changeWebhook": admin, "deleteWebhook": admin, "testWebhook": admin, "rotateWebhookSecret": admin,

	"listPages": known, "getPage": known, "previewPage": editors,

	"ingestEvents": editors, "getOverview": insight, "getSystem": insight, "examine": insight, "listDeadLetters": insight,

	"listShares": known, "sumShares": known, "getShare": known, "mintShare": sharers, "reverseCredit": editors,
}

// place is an operation as the document tells it.
type place struct{ id, method, path string }

// places reads the operations off the document that the running API serves.
func (r *rig) places() []place {
	r.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			ID string `json:"operationId"`
		} `json:"paths"`
	}
	require.NoError(r, json.Unmarshal(r.client().get("/api/v1/openapi.json").is(200).raw, &doc))
	var out []place
	for path, ops := range doc.Paths {
		for method, op := range ops {
			out = append(out, place{op.ID, strings.ToUpper(method), path})
		}
	}
	return out
}

var variable = regexp.MustCompile(`\{[a-z_]+\}`)

// status calls an operation with nothing that exists, and returns how it was answered: a stream goes on
// after that and is broken off.
func (c *client) status(p place) int {
	c.r.Helper()
	path := variable.ReplaceAllString(p.path, "999999999")
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	body := ""
	if p.method != http.MethodGet && p.method != http.MethodDelete {
		body = "{}"
	}
	req, err := http.NewRequestWithContext(ctx, p.method, c.r.url+path, strings.NewReader(body))
	require.NoError(c.r, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range map[string]string{"Authorization": c.key, "Cookie": c.cookie, "X-CSRF-Token": c.csrf} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.r, err)
	defer res.Body.Close()
	return res.StatusCode
}

func TestAPI_every_operation_is_open_to_exactly_the_roles_of_the_table(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, r *rig) {
		type who struct {
			*client
			role auth.Role
			user bool
		}
		all := []who{{client: r.client()}}
		for _, role := range auth.Roles() {
			key := r.root
			if role != auth.Admin {
				key = r.keyOf(role)
			}
			all = append(all, who{key, role, false}, who{r.user("user-"+string(role), role), role, true})
		}
		places := r.places()
		require.Greater(t, len(places), 60)
		for _, p := range places {
			expect := func(ok bool, format string, args ...any) { // one wrong cell hides no other
				if !ok {
					t.Errorf(format, args...)
				}
			}
			roles, told := allowed[p.id]
			if !told {
				t.Errorf("%s（%s %s）: say in the table who may call it", p.id, p.method, p.path)
				continue
			}
			for _, w := range all {
				if p.id == "signOut" && w.user {
					continue // ends the session the others need; tested with sign-in
				}
				may := roles == "anybody" || roles == "users" && w.user || w.role != "" && strings.Contains(" "+roles+" ", " "+string(w.role)+" ")
				got := w.status(p)
				name := map[bool]string{true: "session", false: "key"}[w.user] + " of " + string(w.role)
				switch {
				case may && roles != "anybody":
					expect(!slices.Contains([]int{401, 403, 500}, got), "%s by %s: %d", p.id, name, got)
				case may:
					expect(got != 500, "%s: %d", p.id, got)
				case w.role == "":
					expect(got == 401, "%s by a stranger: %d", p.id, got)
				default:
					expect(got == 403, "%s by %s: %d", p.id, name, got)
				}
			}
		}
	})
}

// What reads people, messages or runs stands in scope.go, where the caller's data scope is asked.
func TestScope_is_the_only_file_that_reads_people(t *testing.T) {
	t.Parallel()
	reads := regexp.MustCompile(`\.People\.(Get|List|Find|Count)\(|\.Outbox\.(Get|List|Body)\(|\.Journeys\.(Run|Runs)\(`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, f := range files {
		if f == "scope.go" || strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		require.Empty(t, reads.FindString(string(text)), "%s: use find, findBy, people, findMessage, messages, findRun or journeyRuns", f)
	}
}
