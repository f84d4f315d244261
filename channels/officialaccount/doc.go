// Package officialaccount speaks to WeChat official accounts (公众号): its door takes what followers do and
// turns it into events, its sender delivers customer-service messages. No type of an SDK leaves it, and it
// refuses to know what an event leads to.
package officialaccount
