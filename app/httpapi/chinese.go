package httpapi

import (
	"context"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// hooks sets what huma keeps in package variables, once for all servers of the process.
var hooks = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return fromHuma(context.Background(), status, message, errs...)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		f := fromHuma(ctx.Context(), status, message, errs...)
		for k, values := range f.header {
			ctx.SetHeader(k, values[0])
		}
		return f
	}
	// Texts with %v or %s get the same arguments as huma's own.
	validation.MsgUnexpectedProperty = "没有这一项，请检查是否写错"
	validation.MsgExpectedRFC3339DateTime = "应为带时区的时间，如 2026-11-22T10:00:00+08:00"
	validation.MsgExpectedRFC3339Date = "应为日期，如 2026-11-22"
	validation.MsgExpectedRFC3339Time = "应为时刻，如 10:00:00"
	validation.MsgExpectedRFC5322Email = "应为邮箱地址：%v"
	validation.MsgExpectedRFC3986URI = "应为网址：%v"
	validation.MsgExpectedBoolean = "应为 true 或 false"
	validation.MsgExpectedNumber = "应为数字"
	validation.MsgExpectedInteger = "应为整数"
	validation.MsgExpectedString = "应为文字"
	validation.MsgExpectedBase64String = "应为 base64"
	validation.MsgExpectedArray = "应为列表"
	validation.MsgExpectedObject = "应为对象"
	validation.MsgExpectedArrayItemsUnique = "不能有重复的项"
	validation.MsgExpectedOneOf = "可用的值：%s"
	validation.MsgExpectedMinimumNumber = "不能小于 %v"
	validation.MsgExpectedExclusiveMinimumNumber = "应大于 %v"
	validation.MsgExpectedMaximumNumber = "不能大于 %v"
	validation.MsgExpectedExclusiveMaximumNumber = "应小于 %v"
	validation.MsgExpectedMinLength = "至少 %d 个字"
	validation.MsgExpectedMaxLength = "最多 %d 个字"
	validation.MsgExpectedBePattern = "应为%s"
	validation.MsgExpectedMatchPattern = "格式不对，应符合 %s"
	validation.MsgExpectedMinItems = "至少 %d 项"
	validation.MsgExpectedMaxItems = "最多 %d 项"
	validation.MsgExpectedMinProperties = "至少要有 %d 项"
	validation.MsgExpectedMaxProperties = "最多 %d 项"
	validation.MsgExpectedRequiredProperty = "缺少 %s"
	validation.MsgExpectedDependentRequiredProperty = "缺少 %s：写了 %s 时必填"
	validation.MsgExpectedMatchAtLeastOneSchema = "不符合任何一种写法"
	validation.MsgExpectedMatchExactlyOneSchema = "应恰好符合一种写法"
})

// fixed are huma's texts that are not variables.
var fixed = []struct{ english, chinese string }{
	{"validation failed", "请求内容有误，请改正标出的几项"},
	{"request body is required", "缺少请求体：应为 JSON"},
	{"request body is too large", "请求体太大"},
	{"request body read timeout", "请求体没有在时限内传完，请重试"},
	{"cannot read request body", "请求体没有传完，请重试"},
	{"unable to marshal response", "不支持 Accept 要求的格式，可用 application/json"},
	{"required path parameter", "地址里缺少这一项"},
	{"required query parameter", "地址参数里缺少这一项"},
	{"required header parameter", "请求头里缺少这一项"},
	{"unknown query parameter", "没有这个地址参数，请检查是否写错"},
	{"invalid integer", "应为整数"},
	{"invalid float", "应为数字"},
	{"invalid boolean", "应为 true 或 false"},
	{"invalid value: ", "写法不对："},
	{"invalid date/time", "应为带时区的时间，如 2026-11-22T10:00:00+08:00"},
	{"unknown content type", "Content-Type 应为 application/json"},
	{"unexpected end of JSON input", "JSON 没有写完"},
	{"invalid character", "不是有效的 JSON：invalid character"},
	{"json: cannot unmarshal", "JSON 的类型不对：json: cannot unmarshal"},
}

// inChinese gives huma's texts as people here read them; others stay as they are.
func inChinese(s string) string {
	for _, t := range fixed {
		if rest, ok := strings.CutPrefix(s, t.english); ok {
			switch {
			case strings.HasSuffix(t.chinese, "："):
				return t.chinese + rest
			case strings.HasSuffix(t.chinese, t.english):
				return t.chinese + rest
			}
			return t.chinese
		}
	}
	return s
}
