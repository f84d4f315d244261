// Package sms speaks to Aliyun's short message service (阿里云短信): its sender delivers messages and asks what
// became of one whose answer was lost, its door takes receipts and what people reply, and it reads how
// Aliyun reviewed the templates. No type of the SDK leaves it, and no phone number, parameter or key stands
// in an error or a log. It refuses to know what an event leads to and whether a message may be sent.
package sms
