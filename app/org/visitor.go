package org

import "errors"

// What asking WeCom who opened a page may come to besides a member.
var (
	ErrCode     = errors.New("the code is wrong, used or older than five minutes")
	ErrStranger = errors.New("the visitor is no member of the corp")
)
