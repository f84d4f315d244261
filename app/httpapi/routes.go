package httpapi

import (
	"net/http"

	"github.com/koi-scrm/koi/app/auth"
)

const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
	put   = http.MethodPut
	del   = http.MethodDelete
)

// routes is the whole API on one page: what it is called, who may call it, what it does.
func (a *API) routes() []route {
	return []route{
		to("setUp", post, "/setup", anybody, "创建第一位管理员", a.setUp, status(http.StatusCreated)),
		to("signIn", post, "/session", anybody, "登录", a.signIn, status(http.StatusCreated)),
		to("signOut", del, "/session", anyUser, "退出登录", a.signOut),
		to("getMe", get, "/me", anyone, "我是谁、能做什么", a.getMe),
		to("changeMyPassword", post, "/me/password", anyUser, "修改自己的密码", a.changeMyPassword),

		to("listSignInWays", get, "/session/ways", anybody, "还能怎么登录", a.listSignInWays),
		to("beginWeComSignIn", get, "/session/wecom", anybody, "用企业微信登录", a.beginWeCom, status(http.StatusFound)),
		to("endWeComSignIn", get, "/session/wecom/back", anybody, "从企业微信登录回来", a.endWeCom, status(http.StatusFound), a.signsIn("endWeComSignIn")),

		to("getMyPage", get, "/my", anyUser, "员工：我的数字", a.getMyPage),
		to("listMyLeads", get, "/my/leads", may(auth.ReadContacts), "员工：我的热线索与证据", a.listLeads),
		to("listMyShares", get, "/my/shares", may(auth.ReadShares), "员工：可分享的页面、我的链接与效果", a.listMyShares),
		to("mintMyShare", post, "/my/shares", may(auth.WriteShares), "员工：生成我的分享链接", a.mintMyShare, status(http.StatusCreated)),
		to("listMyVisitors", get, "/my/visitors", may(auth.ReadShares), "员工：经我的分享来的人", a.listMyVisitors),

		to("listUsers", get, "/users", may(auth.ManageUsers), "用户列表", a.listUsers),
		to("addUser", post, "/users", may(auth.ManageUsers), "添加用户", a.addUser, status(http.StatusCreated)),
		to("getUser", get, "/users/{id}", may(auth.ManageUsers), "用户", a.getUser),
		to("changeUser", patch, "/users/{id}", may(auth.ManageUsers), "修改用户", a.changeUser),
		to("listKeys", get, "/api-keys", may(auth.ManageKeys), "接口密钥列表", a.listKeys),
		to("addKey", post, "/api-keys", may(auth.ManageKeys), "创建接口密钥", a.addKey, status(http.StatusCreated)),
		to("revokeKey", del, "/api-keys/{id}", may(auth.ManageKeys), "吊销接口密钥", a.revokeKey),

		to("listContacts", get, "/contacts", may(auth.ReadContacts), "客户列表", a.listContacts),
		to("countContacts", get, "/contacts/count", may(auth.ReadContacts), "有多少客户", a.countContacts),
		to("getContact", get, "/contacts/{id}", may(auth.ReadContacts), "客户 360", a.getContact),
		to("changeContact", patch, "/contacts/{id}", may(auth.WriteContacts), "修改客户", a.changeContact),
		to("tagContact", post, "/contacts/{id}/tags", may(auth.WriteContacts), "给客户打、去标签", a.tagContact),
		to("revealContact", post, "/contacts/{id}/reveal", may(auth.RevealContacts), "查看完整的手机号或邮箱", a.revealContact, marked(neverReplayed)),
		to("searchContacts", post, "/contacts/search", may(auth.ReadContacts), "按条件找客户", a.searchContacts, marked(readsOnly)),
		to("listContactTimeline", get, "/contacts/{id}/timeline", may(auth.ReadContacts), "客户时间线", a.listTimeline),
		to("explainContact", get, "/contacts/{id}/why", may(auth.ReadContacts), "为什么", a.explainContact),
		to("getReach", get, "/contacts/{id}/reach", may(auth.ReadContacts), "现在能怎么触达、为什么不能", a.getReach),
		to("getConsents", get, "/contacts/{id}/consents", may(auth.ReadContacts), "同意与退订记录", a.getConsents),
		to("stateConsent", post, "/contacts/{id}/consents", may(auth.WriteContacts), "补记同意、撤回或退订", a.stateConsent, status(http.StatusCreated)),
		to("findIdentity", get, "/identities", may(auth.ReadContacts), "按身份找客户", a.findIdentity),

		to("listTags", get, "/tags", may(auth.ReadDefinitions), "标签定义", a.listTags),
		to("listScores", get, "/scores", may(auth.ReadDefinitions), "评分模型", a.listScores),
		to("listStages", get, "/stages", may(auth.ReadDefinitions), "生命周期阶段", a.listStages),
		to("listFields", get, "/fields", may(auth.ReadDefinitions), "客户字段", a.listFields),
		to("listSettings", get, "/settings", may(auth.ReadDefinitions), "全部配置定义", a.listSettings),

		to("previewSegment", post, "/segments/preview", may(auth.ReadContacts), "这个条件有多少人", a.previewSegment, marked(readsOnly)),

		to("applySettings", post, "/settings/apply", may(auth.WriteDefinitions), "应用配置包", a.applySettings, wide(5<<20)),
		to("exportSettings", get, "/settings/export", may(auth.ReadDefinitions), "导出配置包", a.exportSettings, yamlAnswer),
		to("getDefinition", get, "/definitions/{kind}/{key}", may(auth.ReadDefinitions), "一项配置", a.getDefinition),
		to("putDefinition", put, "/definitions/{kind}/{key}", may(auth.WriteDefinitions), "保存一项配置", a.putDefinition),
		to("deleteDefinition", del, "/definitions/{kind}/{key}", may(auth.WriteDefinitions), "删除一项配置", a.deleteDefinition),

		to("listMessages", get, "/messages", may(auth.ReadMessages), "消息列表", a.listMessages),
		to("getMessage", get, "/messages/{id}", may(auth.ReadMessages), "消息、经过与原因", a.getMessage),
		to("retryMessage", post, "/messages/{id}/retry", may(auth.RetryMessages), "重试消息", a.retryMessage),
		to("settleMessage", post, "/messages/{id}/settle", may(auth.RetryMessages), "核对结果未知的消息", a.settleMessage),

		to("listJourneys", get, "/journeys", may(auth.ReadJourneys), "旅程列表", a.listJourneys),
		to("getJourney", get, "/journeys/{id}", may(auth.ReadJourneys), "旅程与各步人数", a.getJourney),
		to("setJourneyStatus", post, "/journeys/{id}/status", may(auth.WriteDefinitions), "运行、暂停或停止旅程", a.setJourneyStatus),
		to("listRuns", get, "/journeys/{id}/runs", may(auth.ReadJourneys), "旅程里的人", a.listRuns),
		to("getRun", get, "/journeys/{id}/runs/{run}", may(auth.ReadJourneys), "一次旅程的经过", a.getRun),
		to("startRun", post, "/journeys/{id}/runs", may(auth.RunJourneys), "让客户进入旅程", a.startRun, status(http.StatusCreated)),
		to("testRun", post, "/journeys/{id}/test-run", may(auth.RunJourneys), "试走一遍，不产生任何影响", a.testRun, marked(readsOnly)),

		to("listShares", get, "/shares", may(auth.ReadShares), "分享与带来的人", a.listShares),
		to("mintShare", post, "/shares", may(auth.WriteShares), "生成分享链接", a.mintShare, status(http.StatusCreated)),
		to("sumShares", get, "/shares/summary", may(auth.ReadShares), "按员工或页面汇总分享", a.sumShares),
		to("getShare", get, "/shares/{token}", may(auth.ReadShares), "一条分享的传播链", a.getShare),
		to("reverseCredit", post, "/shares/credits/{id}/reverse", may(auth.ReverseShares), "撤销一笔分享业绩", a.reverseCredit),

		to("listPages", get, "/pages", may(auth.ReadShares), "公开页面与访问数", a.listPages),
		to("getPage", get, "/pages/{key}", may(auth.ReadShares), "公开页面", a.getPage),
		to("previewPage", post, "/pages/preview", may(auth.WriteDefinitions), "预览还没保存的页面", a.previewPage, marked(readsOnly)),

		to("listStaff", get, "/staff", may(auth.ReadStaff), "员工", a.listStaff),
		to("listAccounts", get, "/accounts", may(auth.ReadAccounts), "平台账号与健康", a.listAccounts),
		to("addAccount", post, "/accounts", may(auth.WriteAccounts), "添加平台账号", a.addAccount, status(http.StatusCreated)),
		to("getOfficialAccount", get, "/accounts/official/{app_id}", may(auth.ReadAccounts), "公众号", a.getOfficial),
		to("changeOfficialAccount", patch, "/accounts/official/{app_id}", may(auth.WriteAccounts), "修改公众号", a.changeOfficial),
		to("deleteOfficialAccount", del, "/accounts/official/{app_id}", may(auth.WriteAccounts), "删除公众号", a.deleteOfficial),
		to("checkOfficialAccount", post, "/accounts/official/{app_id}/check", may(auth.WriteAccounts), "现在检查公众号", a.checkOfficial),
		to("makeQRCode", post, "/accounts/official/{app_id}/qrcode", may(auth.WriteAccounts), "生成扫码关注公众号的临时二维码", a.makeQRCode),
		to("getWeComAccount", get, "/accounts/wecom/{corp_id}/{agent_id}", may(auth.ReadAccounts), "企业微信应用", a.getWeCom),
		to("changeWeComAccount", patch, "/accounts/wecom/{corp_id}/{agent_id}", may(auth.WriteAccounts), "修改企业微信应用", a.changeWeCom),
		to("deleteWeComAccount", del, "/accounts/wecom/{corp_id}/{agent_id}", may(auth.WriteAccounts), "删除企业微信应用", a.deleteWeCom),
		to("checkWeComAccount", post, "/accounts/wecom/{corp_id}/{agent_id}/check", may(auth.WriteAccounts), "现在检查企业微信应用", a.checkWeCom),
		to("getMiniAccount", get, "/accounts/mini/{app_id}", may(auth.ReadAccounts), "小程序", a.getMini),
		to("changeMiniAccount", patch, "/accounts/mini/{app_id}", may(auth.WriteAccounts), "修改小程序", a.changeMini),
		to("deleteMiniAccount", del, "/accounts/mini/{app_id}", may(auth.WriteAccounts), "删除小程序", a.deleteMini),
		to("checkMiniAccount", post, "/accounts/mini/{app_id}/check", may(auth.WriteAccounts), "现在检查小程序", a.checkMini),
		to("getSMSAccount", get, "/accounts/sms/{sign_name}", may(auth.ReadAccounts), "短信签名", a.getSMS),
		to("changeSMSAccount", patch, "/accounts/sms/{sign_name}", may(auth.WriteAccounts), "修改短信签名", a.changeSMS),
		to("deleteSMSAccount", del, "/accounts/sms/{sign_name}", may(auth.WriteAccounts), "删除短信签名", a.deleteSMS),
		to("checkSMSAccount", post, "/accounts/sms/{sign_name}/check", may(auth.WriteAccounts), "现在检查短信签名", a.checkSMS),
		to("listSMSTemplates", get, "/sms-templates", may(auth.ReadAccounts), "短信模板与审核状态", a.listSMSTemplates),
		to("refreshSMSTemplates", post, "/sms-templates/refresh", may(auth.WriteAccounts), "现在向阿里云查询短信模板", a.refreshSMSTemplates),

		to("listDomainProofs", get, "/domain-proofs", may(auth.ReadAccounts), "域名校验文件", a.listDomainProofs),
		to("putDomainProof", post, "/domain-proofs", may(auth.WriteAccounts), "上传域名校验文件", a.putDomainProof),
		to("deleteDomainProof", del, "/domain-proofs/{name}", may(auth.WriteAccounts), "删除域名校验文件", a.deleteDomainProof),

		to("listWebhooks", get, "/webhooks", may(auth.ReadAccounts), "Webhook 列表", a.listWebhooks),
		to("addWebhook", post, "/webhooks", may(auth.WriteAccounts), "添加 Webhook", a.addWebhook, status(http.StatusCreated)),
		to("getWebhook", get, "/webhooks/{key}", may(auth.ReadAccounts), "Webhook", a.getWebhook),
		to("changeWebhook", patch, "/webhooks/{key}", may(auth.WriteAccounts), "修改 Webhook", a.changeWebhook),
		to("deleteWebhook", del, "/webhooks/{key}", may(auth.WriteAccounts), "删除 Webhook", a.deleteWebhook),
		to("testWebhook", post, "/webhooks/{key}/test", may(auth.WriteAccounts), "现在试发一条", a.testWebhook),
		to("rotateWebhookSecret", post, "/webhooks/{key}/secret", may(auth.WriteAccounts), "重新生成签名密钥", a.rotateWebhookSecret),

		to("ingestEvents", post, "/events", may(auth.WriteEvents), "上报事件", a.ingestEvents, status(http.StatusAccepted), ownChecks(4<<20), marked(recordedElsewhere)),

		to("openStream", get, "/stream", anyone, "实时事件流", a.openStream, marked(staysOpen), streamAnswer),
		to("listAudit", get, "/audit", may(auth.ReadAudit), "审计日志", a.listAudit),

		to("getOverview", get, "/overview", may(auth.ReadSystem), "工作台：池塘概况、每天的数字、成熟的线索", a.getOverview),
		to("getSystem", get, "/system", may(auth.ReadSystem), "系统状态", a.getSystem),
		to("examine", post, "/system/doctor", may(auth.ReadAccounts), "体检", a.examine, marked(readsOnly)),
		to("listDeadLetters", get, "/dead-letters", may(auth.ReadSystem), "死信", a.listDeadLetters),
		to("retryDeadLetter", post, "/dead-letters/{id}/retry", may(auth.Repair), "重试死信", a.retryDeadLetter),
		to("discardDeadLetter", post, "/dead-letters/{id}/discard", may(auth.Repair), "丢弃死信", a.discardDeadLetter),
	}
}
