package httpapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/koi-scrm/koi/app/clock"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/db/dbtest"
	"github.com/koi-scrm/koi/channels/simulator"
	"github.com/koi-scrm/koi/configs"
)

const (
	appID  = "wxtest00000000001"
	secret = "testsecrettestsecrettestsecret00"
	token  = "testtoken"
	aesKey = "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q"
	kfPath = "/cgi-bin/message/custom/send"
)

// withPlatforms boots Koi with an official account that the simulator plays.
func withPlatforms(t *testing.T, c db.Config) (*rig, *simulator.Simulator) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Clock: clock.Real{}, Quotas: map[string]int{"*": -1},
		Officials: []simulator.Official{{AppID: appID, AppSecret: secret, Name: "测试公众号", Token: token, AESKey: aesKey}}})
	require.NoError(t, err)
	require.NoError(t, sim.Start(t.Context(), "127.0.0.1:0"))
	t.Cleanup(sim.Close)
	r := boot(t, c, func(c *configs.Config) {
		c.Channels.WeChat.BaseURL = sim.URL()
		c.Accounts.Official = []configs.WeChatAccount{{AppID: appID, AppSecret: secret, Token: token, AESKey: aesKey, Name: "测试公众号"}}
	})
	sim.PointAt(r.url)
	return r, sim
}

// act plays a person and waits for what comes of it.
func (r *rig) act(sim *simulator.Simulator, a simulator.Act) simulator.Played {
	r.Helper()
	played, err := sim.Act(r.Context(), a)
	require.NoError(r, err)
	r.settle()
	return played
}

// message waits until the person's newest message is in a state, and returns it.
func (r *rig) message(contact, state string) string {
	r.Helper()
	id := ""
	r.until("the message is "+state, func() bool {
		list := r.root.get("/api/v1/messages?limit=1&contact=" + contact).is(200).items()
		if len(list) == 1 {
			id, _ = at(list, 0, "id").(string)
		}
		return len(list) == 1 && at(list, 0, "state") == state
	})
	return id
}

func TestAPI_a_follower_is_greeted_and_everything_says_why(t *testing.T) {
	t.Parallel()
	dbtest.RunConfig(t, func(t *testing.T, c db.Config) {
		r, sim := withPlatforms(t, c)
		played := r.act(sim, simulator.Act{Who: "zhoumin", Do: "follow"})
		found := r.root.get("/api/v1/identities?kind=openid&scope=" + appID + "&value=" + played.OpenID).is(200).items()
		require.Len(t, found, 1)
		id, _ := at(found, 0, "contact_id").(string)
		me := "/api/v1/contacts/" + id

		greeting := r.message(id, "sent")
		r.root.patch(me, obj("values", obj("name", "周敏"))).is(200)
		detail := r.root.get("/api/v1/messages/" + greeting).is(200)
		require.Equal(t, "已发送", detail.text("state_label"))
		require.Equal(t, played.OpenID, detail.text("to"))
		require.Len(t, detail.value("tries"), 1)
		require.Contains(t, detail.text("explanation.what"), "平台已于")
		require.Contains(t, detail.text("body.content"), "欢迎")
		require.Equal(t, "周敏", detail.text("contact_name"))
		r.root.post("/api/v1/messages/"+greeting+"/retry", nil).failure(409, "conflict")

		why := r.root.get(me + "/why?message=" + greeting).is(200)
		require.Equal(t, true, why.value("ok"))
		require.Equal(t, "oa.followed", why.text("cause.type"))

		welcome := detail.text("journey_id")
		journey := r.root.get("/api/v1/journeys/" + welcome).is(200)
		require.Equal(t, "关注欢迎", journey.text("name"))
		require.InDelta(t, 1, journey.value("counts.entered"), 0)
		require.NotEmpty(t, journey.value("definition.nodes"))
		require.Empty(t, journey.value("problems"))
		runs := r.root.get("/api/v1/journeys/" + welcome + "/runs?contact=" + id).is(200).items()
		require.Len(t, runs, 1)
		require.Equal(t, "周敏", at(runs, 0, "contact_name"))
		run, _ := at(runs, 0, "id").(string)
		require.Equal(t, detail.text("run_id"), run)
		r.until("the run is over", func() bool {
			return r.root.get("/api/v1/journeys/"+welcome+"/runs/"+run).is(200).text("status") == "finished"
		})
		require.NotEmpty(t, r.root.get("/api/v1/journeys/"+welcome+"/runs/"+run).value("path"))
		why = r.root.get(me + "/why?journey=" + welcome).is(200)
		require.Equal(t, true, why.value("ok"))
		require.Contains(t, why.text("text"), "进入过")
		require.Contains(t, string(r.root.get(me).raw), "关注欢迎")

		r.step("a rehearsal sends nothing", func() {
			before := sim.CallCount(kfPath)
			tried := r.root.post("/api/v1/journeys/"+welcome+"/test-run", obj("contact_id", id)).is(200)
			steps, _ := tried.value("steps").([]any)
			require.NotEmpty(t, steps)
			require.Contains(t, string(tried.raw), played.OpenID, "whom it would have gone to")
			require.NotEmpty(t, tried.text("refused"), "once a day only")
			require.Equal(t, before, sim.CallCount(kfPath))
			r.root.post("/api/v1/journeys/"+welcome+"/test-run", obj("contact_id", "99999")).failure(404, "not_found")
			r.root.post("/api/v1/journeys/"+welcome+"/test-run", obj("contact_id", 1)).failure(422, "invalid")
		})

		r.step("entering by hand keeps the journey's rules", func() {
			refused := r.root.post("/api/v1/journeys/"+welcome+"/runs", obj("contact_id", id)).failure(409, "conflict")
			require.Contains(t, refused.text("detail"), "没有进入旅程")
			r.root.post("/api/v1/journeys/999/runs", obj("contact_id", id)).failure(404, "not_found")
			r.root.post("/api/v1/journeys/"+welcome+"/runs", obj("contact_id", "99999")).failure(404, "not_found")
			for _, j := range r.root.get("/api/v1/journeys").is(200).items() {
				j, _ := j.(map[string]any)
				if other, _ := j["id"].(string); j["key"] == "keyword_reply" {
					begun := r.root.post("/api/v1/journeys/"+other+"/runs", obj("contact_id", id)).is(201)
					require.Equal(t, id, begun.text("run.contact_id"))
					r.until("what it sends is sent", func() bool {
						return len(r.root.get("/api/v1/messages?state=sent&journey="+other).is(200).items()) == 1
					})
				}
			}
		})

		r.step("what the platform refused can be tried again", func() {
			require.NoError(t, sim.Misbehave(simulator.Misbehaviour{Path: kfPath, Code: 48001, Times: 1}))
			r.act(sim, simulator.Act{Who: "zhoumin", Do: "say", With: "报价多少"})
			failed := r.message(id, "failed")
			detail := r.root.get("/api/v1/messages/" + failed).is(200)
			require.InDelta(t, 48001, detail.value("code"), 0)
			require.NotEmpty(t, detail.text("explanation.next"))
			require.Contains(t, string(r.root.get("/api/v1/system").is(200).raw), "公众号没有这个接口的权限")
			why := r.root.get(me + "/why?message=" + failed).is(200)
			require.Equal(t, false, why.value("ok"))
			r.root.post("/api/v1/messages/"+failed+"/retry", nil).is(200)
			require.Equal(t, failed, r.message(id, "sent"))
			require.Len(t, r.root.get("/api/v1/messages/"+failed).value("tries"), 2)
		})

		r.step("the timeline names it all", func() {
			told := string(r.root.get(me + "/timeline?limit=200").is(200).raw)
			for _, label := range []string{"关注", "建立客户", "消息已发出", "消息失败", "发消息", "进入旅程"} {
				require.Contains(t, told, `"label":"`+label+`"`)
			}
			require.False(t, strings.Contains(told, `"type":"command.`))
		})
	})
}
