"""WeCom's documented limits, as plain numbers; what a corp can change is a setting whose default stands here."""

from __future__ import annotations

from typing import Final


__all__: list[str] = []

# Calls per corp and API path, and per source IP and API path (documentation 90312).
CALLS_PER_MINUTE: Final = 10_000
CALLS_PER_HOUR: Final = 150_000
IP_CALLS_PER_MINUTE: Final = 20_000
IP_CALLS_PER_HOUR: Final = 600_000

# Members (90196).
USERID_BYTES: Final = 64

# All userids (96067).
STAFF_ID_PAGE: Final = 10_000

# Sign-in (91022, 91023, 95833).
OAUTH_STATE_CHARS: Final = 128
OAUTH_CODE_SECONDS: Final = 300
USER_TICKET_SECONDS: Final = 1_800

# Customers (92113, 92114, 92994, 92115).
FOLLOWERS_PER_PAGE: Final = 500
BATCH_USERS: Final = 100
BATCH_PAGE: Final = 100
BATCH_PAGE_DEFAULT: Final = 50
REMARK_CHARS: Final = 20
REMARK_COMPANY_CHARS: Final = 20
DESCRIPTION_CHARS: Final = 150

# Everybody who was ever served (99434). The most a page may hold is not told: its default is.
SERVED_PAGE: Final = 1_000
SERVED_SECONDS: Final = 4 * 3_600

# Strategies of customers (94883) and of moments (94890), which tells no number of nodes for one call.
STRATEGY_PAGE: Final = 1_000
STRATEGY_ADMINS: Final = 20
STRATEGY_NODES: Final = 3_000
STRATEGY_NODES_PER_CALL: Final = 100
STRATEGY_LEVELS: Final = 5

# Ids of other apps and of meetings, forms and documents (95884, 98729).
CONVERT_STAFF: Final = 1_000
CONVERT_TMP_IDS: Final = 100

# Corp tags (92117, 92118).
TAG_NAME_CHARS: Final = 30
TAGS_PER_CORP: Final = 10_000
TAGS_PER_FOLLOW: Final = 3_000
TAG_ORDER_END: Final = 2**32
# Of add_tag and remove_tag together. 41111 says "1 to 1000 tags" and does not say of which call.
MARK_TAG_TAGS: Final = 1_000
# No number is published; five in flight is what users report to be safe (45033).
MARK_TAG_IN_FLIGHT: Final = 5

# Contact ways (92228).
CODE_STAFF: Final = 100
CODES_PER_CORP: Final = 500_000
CODE_REMARK_CHARS: Final = 30
STATE_CHARS: Final = 30
CODE_PAGE: Final = 1_000
CODE_PAGE_DEFAULT: Final = 100
CODE_LIST_DAYS: Final = 90
TEMP_CODE_SECONDS: Final = 14 * 86_400
TEMP_CODES_PER_DAY: Final = 100_000

# Customer acquisition links (97297, 97298, 97299, 97375, 100130).
ACQUISITION_NAME_CHARS: Final = 30
ACQUISITION_STAFF: Final = 500
ACQUISITION_PRIORITY_STAFF: Final = 1_000
ACQUISITION_PAGE: Final = 100
ACQUISITION_CUSTOMER_PAGE: Final = 1_000
ACQUISITION_CHANNEL_BYTES: Final = 64
ACQUISITION_STATISTICS_DAYS: Final = 30
ACQUISITION_HISTORY_DAYS: Final = 180
ACQUISITION_LOW_BALANCE: Final = 20
ACQUISITION_WARNING_DAYS: Final = (14, 7, 3, 2, 1)
ACQUISITION_TOLD_MESSAGES: Final = (3, 5, 10)
CHAT_KEY_SECONDS: Final = 30 * 60

# Groups (92120, 92122).
GROUP_PAGE: Final = 1_000
GROUP_OWNERS: Final = 100
GROUPS_UNFILTERED_STAFF: Final = 1_000
# No page of the API has a number; those on the product do, for groups that staff open.
GROUP_MEMBERS: Final = 500

# Join ways of groups (92229); they share CODES_PER_CORP.
JOIN_WAY_GROUPS: Final = 5
JOIN_WAY_REMARK_CHARS: Final = 30
ROOM_NAME_CHARS: Final = 40

# On-the-job transfer of groups (95703).
TRANSFER_GROUPS: Final = 100
GROUP_TRANSFERS_PER_OWNER_AND_DAY: Final = 300
TRANSFERS_PER_GROUP: Final = 2

# On-the-job transfer (92125, 94088).
TRANSFER_CUSTOMERS: Final = 100
TRANSFER_MSG_CHARS: Final = 200
TRANSFER_WAIT_SECONDS: Final = 24 * 3_600
TRANSFERS_PER_CUSTOMER: Final = 2
TRANSFER_WINDOW_DAYS: Final = 90
TRANSFER_RESULT_PAGE: Final = 1_000
CUSTOMERS_PER_STAFF: Final = 5_000

# Customers of staff who resigned (92124, 94081, 94082).
UNASSIGNED_PAGE: Final = 1_000
UNASSIGNED_BY_PAGE_ID: Final = 50_000
RESIGNED_DAYS: Final = 365

# Mass messages (92135, 93338, 97610).
MESSAGE_CUSTOMERS: Final = 10_000
MESSAGE_GROUPS: Final = 2_000
MESSAGE_TEXT_BYTES: Final = 4_000
MESSAGE_ATTACHMENTS: Final = 9
MESSAGE_TAGS_PER_GROUP: Final = 100
MESSAGE_LIST_PAGE: Final = 100
MESSAGE_LIST_PAGE_DEFAULT: Final = 50
MESSAGE_LIST_DAYS: Final = 31
MESSAGE_RECORD_PAGE: Final = 1_000
MESSAGE_RECORD_PAGE_DEFAULT: Final = 500
REMINDERS_PER_MESSAGE: Final = 3
REMINDER_HOURS: Final = 24
LINK_TITLE_BYTES: Final = 128
LINK_DESC_BYTES: Final = 512
LINK_URL_BYTES: Final = 2_048
MINIPROGRAM_TITLE_BYTES: Final = 64

# Welcome messages (92137).
WELCOME_SECONDS: Final = 20

# Group welcome templates (92366).
GROUP_WELCOMES_PER_CORP: Final = 100
GROUP_WELCOME_TEXT_BYTES: Final = 3_000

# Moments (95094, 93333).
MOMENTS_PER_MINUTE: Final = 10
MOMENTS_PER_MONTH: Final = 100_000
MOMENT_TEXT_CHARS: Final = 2_000
MOMENT_LINK_TITLE_CHARS: Final = 64
MOMENT_IMAGES: Final = 9
MOMENT_SENDERS: Final = 100_000
MOMENT_JOB_SECONDS: Final = 24 * 3_600
MOMENT_PAGE: Final = 20
MOMENT_LIST_DAYS: Final = 30
MOMENT_RECORD_PAGE: Final = 1_000
MOMENT_RECORD_PAGE_DEFAULT: Final = 500
MOMENT_SENT_TO_PAGE: Final = 5_000
MOMENT_SENT_TO_PAGE_DEFAULT: Final = 3_000
# An older text on the product; no page of the API has a number.
MOMENTS_SEEN_PER_MONTH: Final = 4
STAFF_MOMENTS_SEEN_PER_DAY: Final = 3

# Statistics (92132, 92133).
STATISTICS_STAFF: Final = 100
STATISTICS_PARTIES: Final = 100
STATISTICS_SPAN_DAYS: Final = 30
STATISTICS_KEPT_DAYS: Final = 180
STATISTICS_PAGE: Final = 1_000
STATISTICS_PAGE_DEFAULT: Final = 500
STATISTICS_UNFILTERED_STAFF: Final = 1_000

# Product albums (95096). How many a corp can have (41202) is published nowhere.
PRODUCT_DESCRIPTION_CHARS: Final = 300
PRODUCT_PRICE: Final = 5_000_000
PRODUCT_SN_BYTES: Final = 128
PRODUCT_IMAGES: Final = 9
PRODUCT_PAGE: Final = 100
PRODUCT_PAGE_DEFAULT: Final = 50

# Intercept rules (95097).
INTERCEPT_RULES: Final = 100
INTERCEPT_NAME_CHARS: Final = 20
INTERCEPT_WORDS: Final = 300
INTERCEPT_WORD_CHARS: Final = 32
INTERCEPT_NODES_PER_CALL: Final = 1_000
INTERCEPT_STAFF: Final = 10_000

# App messages (90236, 94867, 94888, 90312).
APP_MESSAGE_STAFF: Final = 1_000
APP_MESSAGE_DEPARTMENTS: Final = 100
APP_MESSAGE_TAGS: Final = 100
APP_MESSAGE_TEXT_BYTES: Final = 2_048
APP_MESSAGE_RECALL_SECONDS: Final = 24 * 3_600
# Per app and member; what passes them is dropped, and the answer does not say so.
APP_MESSAGES_PER_STAFF_AND_MINUTE: Final = 30
APP_MESSAGES_PER_STAFF_AND_HOUR: Final = 1_000
# Per app and calendar day, for each account that the corp may have.
APP_MESSAGES_PER_ACCOUNT_AND_DAY: Final = 200
DUPLICATE_CHECK_SECONDS: Final = 4 * 3_600
DUPLICATE_CHECK_SECONDS_DEFAULT: Final = 1_800
TEXT_CARD_TITLE_CHARS: Final = 128
TEXT_CARD_DESCRIPTION_CHARS: Final = 512
TEXT_CARD_BUTTON_CHARS: Final = 4
ARTICLES: Final = 8
ARTICLE_TITLE_BYTES: Final = 128
ARTICLE_DESCRIPTION_BYTES: Final = 512
ARTICLE_URL_BYTES: Final = 2_048
ARTICLE_PAGE_BYTES: Final = 128
ARTICLE_AUTHOR_BYTES: Final = 64
# "666 K", read as the smaller number of the two.
ARTICLE_CONTENT_BYTES: Final = 666_000
NOTICE_TITLE_CHARS_LEAST: Final = 4
NOTICE_TITLE_CHARS: Final = 12
NOTICE_PAGE_BYTES: Final = 1_024
NOTICE_ITEMS: Final = 10
NOTICE_KEY_CHARS: Final = 10
NOTICE_VALUE_CHARS: Final = 30
CARD_TASK_ID_BYTES: Final = 128
CARD_MENU_ITEMS: Final = 3
CARD_KEY_BYTES: Final = 1_024
CARD_FIELDS: Final = 6
CARD_JUMPS: Final = 3
CARD_PARAGRAPHS: Final = 4
CARD_BUTTONS: Final = 6
CARD_BUTTON_STYLES: Final = 4
CARD_OPTIONS: Final = 10
CARD_VOTES: Final = 20
CARD_OPTION_ID_BYTES: Final = 128
CARD_SELECTS: Final = 3
CARD_RATIO_LEAST: Final = 1.3
CARD_RATIO_MOST: Final = 2.25
CARD_UPDATE_SECONDS: Final = 72 * 3_600

# Tickets of the JS-SDK (90506, 90312); both kinds together.
TICKET_SECONDS: Final = 7_200
TICKETS_PER_APP_AND_HOUR: Final = 100

# Media (90253, 95098, 90256, 90254, 96219). A file must have more than 5 bytes, an image for good 5.
MEDIA_SECONDS: Final = 3 * 86_400
MEDIA_MIN_BYTES: Final = 6
MEDIA_IMAGE_BYTES: Final = 10 * 2**20
MEDIA_VOICE_BYTES: Final = 2 * 2**20
MEDIA_VIDEO_BYTES: Final = 10 * 2**20
MEDIA_FILE_BYTES: Final = 20 * 2**20
MEDIA_IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png")
MEDIA_VOICE_SUFFIXES: Final = (".amr",)
MEDIA_VIDEO_SUFFIXES: Final = (".mp4",)
ATTACHMENT_IMAGE_LONG_SIDE: Final = 10_800
ATTACHMENT_IMAGE_SHORT_SIDE: Final = 1_080
IMAGE_MIN_BYTES: Final = 5
IMAGE_BYTES: Final = 2 * 2**20
IMAGES_PER_DAY: Final = 1_000
IMAGES_PER_30_DAYS: Final = 3_000
# "20 MB", read as the smaller number of the two: it is a multiple of 16 too, as pieces must be.
MEDIA_PIECE_BYTES: Final = 20_000_000
URL_MEDIA_BYTES: Final = 200 * 2**20
URL_MEDIA_NAME_BYTES: Final = 128
URL_MEDIA_URL_BYTES: Final = 1_024
URL_MEDIA_JOB_SECONDS: Final = 3_600

# Callbacks (90930).
CALLBACK_SECONDS: Final = 5
CALLBACK_RETRIES: Final = 3
CALLBACK_TOKEN_CHARS: Final = 32
AES_KEY_CHARS: Final = 43

# Access tokens (91039).
TOKEN_SECONDS: Final = 7_200
