// Package wecom speaks to WeCom (企业微信): its door takes the callbacks of self-built apps and turns them
// into events, its sender delivers application messages to staff, its directory fetches who they are. No
// type of an SDK leaves it, and it refuses to know what an event leads to.
package wecom
