package simulator

// Sample is a small world to begin with: one official account, one mini program, one corp with a sales and a marketing
// department, and a few people, some of whom follow or are customers already. Its credentials are no
// secrets: they open nothing but a simulator.
func Sample() Config {
	const app, mini, corp = "wx00000000koidemo", "wx00000000koimini", "ww00000000koidemo"
	person := func(name, id string, follows bool, staff ...string) Person {
		p := Person{Name: name, Follows: []Follow{{AppID: app, OpenID: "o" + id, Known: !follows}}}
		if len(staff) > 0 {
			p.Contacts = []Contact{{CorpID: corp, ExternalUserID: "wm" + id, Staff: staff}}
		}
		return p
	}
	return Config{
		Officials: []Official{{
			AppID: app, AppSecret: "sample-official-secret", Name: "锦鲤云", Token: "samplecallbacktoken",
			AESKey: "sampleEncodingAESKeySampleEncodingAESKey012",
			Templates: []Template{
				{ID: "sample-meeting", Title: "活动报名成功通知", Fields: []Field{{"thing1", "活动名称"}, {"time2", "活动时间"}, {"thing3", "活动地点"}}},
				{ID: "sample-start", Title: "活动开始提醒", Kind: NoticeTemplate, Fields: []Field{{"thing1", "活动名称"}, {"time2", "开始时间"}}},
				{ID: "sample-demo", Title: "预约成功通知", Fields: []Field{{"thing1", "预约项目"}, {"time2", "预约时间"}, {"name3", "顾问"}}},
			},
			Menu: []Button{{Name: "产品报价", Key: "price"}, {Name: "预约演示", Key: "demo"}, {Name: "联系我们", Key: "contact"}},
		}},
		Minis: []Mini{{
			AppID: mini, AppSecret: "sample-mini-secret", Name: "锦鲤云助手", Token: "samplecallbacktoken",
			AESKey: "sampleEncodingAESKeySampleEncodingAESKey012",
			Templates: []Template{
				{ID: "sample-mini-start", Title: "活动开始提醒", Fields: []Field{{"thing1", "活动名称"}, {"time2", "开始时间"}}},
			},
		}},
		Corps: []Corp{{
			CorpID: corp, Name: "锦鲤科技",
			Agents: []Agent{{AgentID: 1000002, Secret: "sample-agent-secret", Name: "Koi 助手", Token: "samplecallbacktoken",
				AESKey: "sampleEncodingAESKeySampleEncodingAESKey012"}},
			Departments: []Department{{1, "锦鲤科技", 0}, {2, "销售部", 1}, {3, "市场部", 1}, {4, "华东区", 2}, {5, "华南区", 2}},
			Staff: []Staff{
				{UserID: "lina", Name: "李娜", Position: "销售总监", Departments: []int{2}, Leads: []int{2}},
				{UserID: "zhangwei", Name: "张伟", Position: "客户经理", Departments: []int{4}, Leaders: []string{"lina"}},
				{UserID: "liuyang", Name: "刘洋", Position: "客户经理", Departments: []int{5}, Leaders: []string{"lina"}},
				{UserID: "wangfang", Name: "王芳", Position: "市场经理", Departments: []int{3}, Leads: []int{3}},
			},
		}},
		SMS: []SMSAccount{{
			AccessKeyID: "LTAIsampleaccesskey", AccessKeySecret: "sample-access-key-secret", Signs: []string{"锦鲤科技"}, ReceiptToken: "sample-receipt-token-0001",
			Templates: []SMSTemplate{
				{Code: "SMS_SAMPLE_CODE", Name: "登录验证码", Kind: "code", Content: "验证码${code}，5分钟内有效，请勿告诉他人。"},
				{Code: "SMS_SAMPLE_DEMO", Name: "演示预约成功", Kind: "notice", Content: "${name}您好，您预约的产品演示已确认，顾问会在${time}与您联系。"},
				{Code: "SMS_SAMPLE_NEWS", Name: "新案例上线", Kind: "marketing", Content: "同行业客户案例已上线，欢迎到我们的公众号里查看，拒收请回复R"},
				{Code: "SMS_SAMPLE_WAIT", Name: "审核中的模板", Kind: "notice", Content: "您的试用申请已受理。", State: "reviewing"},
			},
		}},
		People: []Person{
			person("陈晨", "ChenChen", true, "zhangwei"),
			person("赵敏", "ZhaoMin", true),
			person("周杰", "ZhouJie", false),
			person("孙丽", "SunLi", false),
			person("吴刚", "WuGang", true, "liuyang"),
		},
	}
}
