# What the smoke demo asks of every endpoint. Needs common.sh and programs.sh.
# shellcheck shell=bash

PASSED=0
FAILED=0

# answer PATH: the body on one line, whatever the status.
answer() { curl -sS --max-time 10 "$API$1" 2>&1 | tr -d '\n'; }

# status PATH: the HTTP status.
status() { curl -s -o /dev/null --max-time 10 -w '%{http_code}' "$API$1"; }

passed() { PASSED=$((PASSED + 1)); say "  ok    $1"; }
failed() { FAILED=$((FAILED + 1)); say "  FAIL  $1"; }

# expect PATH PATTERN: the answer matches the extended regular expression, now.
expect() {
  local body
  body=$(answer "$1")
  if grep -Eq -- "$2" <<<"$body"; then passed "$1"; else failed "$1: no '$2' in ${body:0:300}"; fi
}

# expect_first_five PATH PATTERN: the categories of the first five hits match.
expect_first_five() {
  local categories
  categories=$(answer "$1" | grep -Eo '"category":"[^"]*"' | head -n 5)
  if [ "$(grep -Ec -- "$2" <<<"$categories")" = 5 ]; then passed "$1"; else failed "$1: not five times '$2' in ${categories//$'\n'/ }"; fi
}

# expect_prices PATH LOW HIGH: there are hits, and each costs that much.
expect_prices() {
  local wrong
  wrong=$(answer "$1" | grep -Eo '"price":[0-9.]+' | awk -F: -v low="$2" -v high="$3" '{ n++ } $2 < low || $2 > high { print } END { if (!n) print "no hits" }')
  if [ -z "$wrong" ]; then passed "$1"; else failed "$1: $wrong"; fi
}

# expect_soon PATH PATTERN: it does within a minute: results follow the events.
expect_soon() {
  local started=$SECONDS
  until answer "$1" | grep -Eq -- "$2" || [ $((SECONDS - started)) -ge 60 ]; do
    all_run
    sleep 0.5
  done
  expect "$1" "$2"
}

# expect_status PATH STATUS PATTERN: a problem document with that status, naming what is wrong.
expect_status() {
  local got
  got=$(status "$1")
  if [ "$got" = "$2" ]; then expect "$1" "$3"; else failed "$1: status $got, not $2"; fi
}

check_everything() {
  say "checking"
  check_search
  check_analytics
  check_pages
  check_refusals
}

check_search() {
  local laptops='/search?q=laptop&category=electronics.computers.laptops&min_price=500&max_price=2000'
  expect_first_five '/search?q=headphons' 'headphones'
  expect_first_five '/search?q=earbuds' 'headphones'
  expect_first_five '/search?q=smartfone' 'smartphones'
  expect_first_five '/search?q=tv' 'televisions'
  expect_first_five "$laptops" 'electronics\.computers\.laptops'
  expect_prices "$laptops" 500 2000
  expect '/search?q=headphons&fuzzy=false' '"items":\[\]'
  expect '/search' '"facets":.*"category":\[\{'
  expect '/autocomplete?q=hea' '[Hh]eadphones'
  expect '/autocomplete?q=hea' '[Hh]eadset'
}

check_analytics() {
  expect_soon '/stats' '"products":2000'
  expect_soon '/stats' '"total":[1-9]'
  expect_soon '/trending?minutes=10' '"items":\[\{'
  expect_soon '/trending/categories?minutes=10' '"bots_share":'
  expect_soon '/trending/queries?minutes=10' '"items":\['
  expect_soon '/funnels?minutes=5' '"purchased":[1-9]'
  expect_soon '/analytics/overview?minutes=10' '"searches":[1-9]'
  expect_soon '/analytics/queries?minutes=10' '"click_through_rate":[0-9]'
  expect_soon '/fraud' '"items":\[\{'
  expect_soon '/fraud?severity=high' '"severity":"high"'
}

check_pages() {
  expect '/' '<title>'
  expect '/docs' '[Ss]wagger'
  expect '/redoc' '[Rr]edoc'
  expect '/openapi.json' '"/search"'
  expect '/health/live' '"status"'
  expect '/health/ready' '"status"'
}

check_refusals() {
  expect_status '/search?q=x&min_price=9&max_price=1' 400 'min_price'
  expect_status '/search?q=x&category=no.such.category' 400 'category'
  expect_status '/trending?minutes=0' 400 'minutes'
  expect_status '/fraud?severity=terrible' 400 'severity'
  expect_status '/no-such-page' 404 '"title"'
}

report_checks() {
  say "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ] || fail "some answers were not as they should be"
}
