// Package wechat is what the WeChat platforms (official account, mini-program, WeCom) have in common,
// in both directions: the signed and encrypted callbacks they push and the XML inside, and the transport,
// tokens and error codes of the calls we make. It refuses to know what a message means or why a call is
// made; the doors and senders of channels/officialaccount, channels/miniprogram and channels/wecom do.
package wechat
