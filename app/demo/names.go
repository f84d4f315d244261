package demo

import (
	"fmt"
	"math/rand/v2"
)

// The words the invented firm and its customers are made of. Nobody here is real: names are drawn from the
// commonest ones, companies from words that any of them could carry, e-mail domains end in .example.
var (
	families = []string{"王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "高", "罗",
		"郑", "梁", "谢", "宋", "唐", "许", "邓", "冯", "韩", "曹", "曾", "彭", "萧", "蔡", "潘", "田", "董", "袁", "于", "余", "叶", "蒋", "杜", "苏", "魏", "程", "吕", "丁", "沈", "任"}
	firsts = []string{"建", "志", "晓", "文", "子", "雨", "嘉", "思", "俊", "海", "国", "明", "佳", "欣", "梓", "宇", "浩", "雅", "天", "春", "立", "永", "家", "若", "书", "锦"}
	lasts  = []string{"华", "强", "敏", "磊", "洋", "艳", "勇", "杰", "娟", "涛", "超", "霞", "平", "刚", "桂", "英", "辉", "玲", "鹏", "斌", "丽", "静", "琪", "轩", "涵", "怡", "然", "博", "宁", "婷"}

	places = []struct{ province, city, short string }{
		{"上海", "上海", "上海"}, {"北京", "北京", "北京"}, {"广东", "深圳", "深圳"}, {"广东", "广州", "广州"}, {"浙江", "杭州", "杭州"}, {"浙江", "宁波", "宁波"},
		{"江苏", "苏州", "苏州"}, {"江苏", "南京", "南京"}, {"江苏", "无锡", "无锡"}, {"四川", "成都", "成都"}, {"湖北", "武汉", "武汉"}, {"陕西", "西安", "西安"},
		{"山东", "青岛", "青岛"}, {"福建", "厦门", "厦门"}, {"湖南", "长沙", "长沙"}, {"重庆", "重庆", "重庆"}, {"安徽", "合肥", "合肥"}, {"河南", "郑州", "郑州"}}
	brands = []string{"恒远", "启明", "瑞达", "天和", "中科", "博创", "金石", "海川", "新锐", "智联", "华信", "东方", "卓越", "鼎新", "优品", "万合", "同创", "联信", "德润", "嘉禾",
		"晨光", "盛世", "远航", "精工", "凯捷", "安泰", "宏图", "卓尔", "众成", "利丰", "星海", "蓝湖", "方圆", "立方", "正和", "信达", "百川", "长城", "飞跃", "云图"}
	trades = []struct{ word, industry string }{
		{"智能装备", "智能制造"}, {"精密机械", "制造业"}, {"电子科技", "制造业"}, {"信息技术", "信息技术"}, {"软件", "软件"}, {"网络科技", "互联网"}, {"企业服务", "企业服务"},
		{"医疗器械", "医疗"}, {"供应链", "物流"}, {"新材料", "制造业"}, {"教育科技", "教育"}, {"电子商务", "电商"}, {"融资租赁", "金融"}, {"食品", "消费品"}, {"建设工程", "建筑"}, {"新能源", "能源"}}
	sizes = []int{25, 40, 60, 80, 120, 150, 180, 240, 320, 500, 800, 1200, 3000}

	titles = []string{"IT 总监", "市场总监", "销售总监", "运营总监", "信息中心主任", "市场经理", "IT 经理", "采购经理", "产品经理", "销售经理", "人力资源经理", "运营经理",
		"市场专员", "运营专员", "信息化专员", "采购专员", "工程师", "总经理助理", "副总", "总经理", "CTO", "CIO"}
	sources   = []string{"百度", "百度", "百度", "公众号", "公众号", "知乎", "展会", "老客户推荐", "直播", "行业媒体"}
	campaigns = []string{"2026-秋季新品", "品牌词", "行业词-制造", "行业词-零售", "案例集推广"}
	words     = []string{"CRM 哪个好", "企业微信 客户管理", "SCRM 系统", "客户管理软件 报价", "营销自动化"}
)

func draft[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func personName(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return draft(r, families) + draft(r, lasts)
	}
	return draft(r, families) + draft(r, firsts) + draft(r, lasts)
}

// company is one the firm's customers work for.
type company struct {
	name, industry, province, city, domain string
	size                                   int
}

func companiesOf(r *rand.Rand, n int) []company {
	list := make([]company, 0, n)
	taken := map[string]bool{}
	for len(list) < n {
		p, t := draft(r, places), draft(r, trades)
		name := p.short + draft(r, brands) + t.word + "有限公司"
		if taken[name] {
			continue
		}
		taken[name] = true
		list = append(list, company{name: name, industry: t.industry, province: p.province, city: p.city, size: draft(r, sizes),
			domain: fmt.Sprintf("corp%03d.example", len(list)+1)})
	}
	return list
}

// post is a place in the invented firm.
type post struct {
	user, name, position string
	department           int
	leads                bool
	leader               string
}

// posts are the 25 people of 云帆软件.
func posts() []post {
	list := []post{
		{"liyun", "李昀", "总经理", 1, true, ""},
		{leader, "赵芳", "销售总监", 2, true, "liyun"},
		{sales, "王磊", "客户经理", 2, false, leader},
		{"sunhao", "孙皓", "市场总监", 3, true, "liyun"},
		{sharer, "陈静", "市场专员", 3, false, "sunhao"},
		{"zhengkai", "郑凯", "客户成功总监", 4, true, "liyun"},
	}
	sellers := []string{"刘洋", "周婷", "吴昊", "徐丽", "马超", "朱琳", "胡斌", "郭靖宇", "何欣", "林涛", "高洁", "罗杰"}
	for i, name := range sellers {
		list = append(list, post{fmt.Sprintf("sales%02d", i+1), name, "客户经理", 2, false, leader})
	}
	for i, name := range []string{"梁爽", "谢宁", "宋佳"} {
		list = append(list, post{fmt.Sprintf("market%02d", i+1), name, "市场专员", 3, false, "sunhao"})
	}
	for i, name := range []string{"唐薇", "许晨", "邓晓", "冯雪"} {
		list = append(list, post{fmt.Sprintf("care%02d", i+1), name, "客户成功经理", 4, false, "zhengkai"})
	}
	return list
}
