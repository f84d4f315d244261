package event

// The names of events, stable for ever: place.past_tense. Each has a Chinese name (see Label); a test
// fails where one is missing.
const (
	OAFollowed             = "oa.followed"
	OAUnfollowed           = "oa.unfollowed"
	OAScanned              = "oa.scanned"
	OAMenuClicked          = "oa.menu_clicked"
	OAMenuLinkOpened       = "oa.menu_link_opened"
	OAMessageReceived      = "oa.message_received"
	OALocationReported     = "oa.location_reported"
	OASubscriptionAnswered = "oa.subscription_answered"
	OAMassSendFinished     = "oa.mass_send_finished"
	OAMenuScanned          = "oa.menu_scanned"
	OAMiniprogramOpened    = "oa.miniprogram_opened"

	MPLoggedIn              = "mp.logged_in"
	MPPageViewed            = "mp.page_viewed"
	MPSubscriptionAnswered  = "mp.subscription_answered"
	MPContactSessionEntered = "mp.contact_session_entered"
	MPMessageReceived       = "mp.message_received"
	MPPhoneAuthorized       = "mp.phone_authorized"

	WeComCustomerAdded     = "wecom.customer_added"
	WeComCustomerHalfAdded = "wecom.customer_half_added"
	WeComCustomerEdited    = "wecom.customer_edited"
	WeComCustomerDeleted   = "wecom.customer_deleted"
	WeComDeletedByCustomer = "wecom.deleted_by_customer"
	WeComTransferFailed    = "wecom.transfer_failed"
	WeComGroupCreated      = "wecom.group_created"
	WeComGroupChanged      = "wecom.group_changed"
	WeComGroupDismissed    = "wecom.group_dismissed"
	WeComGroupJoined       = "wecom.group_joined"
	WeComGroupLeft         = "wecom.group_left"
	WeComTagChanged        = "wecom.tag_changed"
	WeComLinkBalanceLow    = "wecom.link_balance_low"
	WeComLinkOpened        = "wecom.link_opened"
	WeComFriendRequested   = "wecom.friend_requested"
	WeComChatStarted       = "wecom.chat_started"
	WeComMessageReceived   = "wecom.message_received" // a staff member wrote to the app
	WeComCardClicked       = "wecom.card_clicked"     // a staff member pressed a template_card button
	WeComDirectoryChanged  = "wecom.directory_changed"

	PageViewed        = "page.viewed"
	PageDwelled       = "page.dwelled"
	PageScrolled      = "page.scrolled"
	PageClicked       = "page.clicked"
	PageSharePrepared = "page.share_prepared"
	PageShareOpened   = "page.share_opened"
	PageContactTapped = "page.contact_tapped"
	PageVideoWatched  = "page.video_watched"
	PageRecognized    = "page.recognized" // WeChat said who opened a page (网页授权)
	FormStarted       = "form.started"
	FormSubmitted     = "form.submitted"
	FileDownloaded    = "file.downloaded"
	FileOpened        = "file.opened"
	LinkClicked       = "link.clicked"
	QRCodeScanned     = "qrcode.scanned"

	MeetingInvited     = "meeting.invited"
	MeetingRegistered  = "meeting.registered"
	MeetingCheckedIn   = "meeting.checked_in"
	MeetingAbsent      = "meeting.absent"
	MeetingLiveJoined  = "meeting.live_joined"
	MeetingLiveWatched = "meeting.live_watched"
	TrialRequested     = "trial.requested"
	OrderPlaced        = "order.placed"
	OrderPaid          = "order.paid"
	OrderRefunded      = "order.refunded"

	MessageQueued     = "message.queued"
	MessageSent       = "message.sent"
	MessageDelivered  = "message.delivered"
	MessageOpened     = "message.opened" // e-mail only: nothing else can know
	MessageClicked    = "message.clicked"
	MessageReplied    = "message.replied"
	MessageFailed     = "message.failed"
	MessageSuppressed = "message.suppressed"
	MessageExpired    = "message.expired"

	ConsentGranted      = "consent.granted"      // props: purpose, version, source
	ConsentWithdrawn    = "consent.withdrawn"    // props: purpose, source
	ConsentUnsubscribed = "consent.unsubscribed" // props: channel, source; the person wants nothing more on it

	ContactCreated          = "contact.created"
	ContactIdentified       = "contact.identified"
	ContactRegistered       = "contact.registered"
	ContactMerged           = "contact.merged"
	ContactUnmerged         = "contact.unmerged"
	ContactAttributeChanged = "contact.attribute_changed"
	ContactDeleted          = "contact.deleted"

	TagAdded              = "tag.added"
	TagRemoved            = "tag.removed"
	ScoreChanged          = "score.changed" // inside a batch only, never stored
	ScoreThresholdCrossed = "score.threshold_crossed"
	StageEntered          = "stage.entered"

	JourneyEntered     = "journey.entered"
	JourneyStepDone    = "journey.step_done"
	JourneyGoalReached = "journey.goal_reached"
	JourneyExited      = "journey.exited"
	JourneyFailed      = "journey.failed"

	RawReceived  = "raw.received"
	CustomPrefix = "custom."
)

// Commands are what console, API and senders ask of the pipeline. They go through the log like any
// event and leave their effects, not themselves, on the timeline.
const (
	CommandContactChange = "command.contact_change" // props: set {key: value or null}, seen {key: value or null, else nothing is changed}
	CommandTag           = "command.tag"            // props: add [key], remove [key]
	CommandStage         = "command.stage"          // props: stage
	CommandJourneyStart  = "command.journey_start"  // props: journey (id)
	CommandJourneyStop   = "command.journey_stop"   // props: run (id)
	CommandConsent       = "command.consent"        // props: purpose, granted, version, source, ip
	CommandShare         = "command.share"          // props: page, token; identities or staff: whose share token of a page it is
	CommandShareSettle   = "command.share_settle"   // props: credit, action (settle, reverse), reason
	CommandMessageResult = "command.message_result" // props: message, attempt, status, code, platform_id, retry_after_ms, reason, unsure
	CommandMessageRetry  = "command.message_retry"  // props: message
	CommandOutboxRecover = "command.outbox_recover" // props: process; attempts of ended processes are taken over
	CommandStaffSync     = "command.staff_sync"     // the WeCom directory changed; own staff is marked
	TimerJourney         = "timer.journey"          // a run's wait is over (props: run)
	TimerOutbox          = "timer.outbox"           // a delayed message is due (props: message)
	TimerTag             = "timer.tag"              // a tag's time is over (props: tag id, contact it stands under, expires_at)
	TimerShare           = "timer.share"            // an arrival through a share is to be judged (props: open)
	TimerReview          = "timer.review"           // a day or a definition changed what rules conclude of a person
)
