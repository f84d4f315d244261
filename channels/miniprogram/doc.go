// Package miniprogram is WeChat's mini-programs, seen from Koi: the push messages that come in, and the
// subscription messages that go out. It decides nothing about people: what came in is an event.
package miniprogram
