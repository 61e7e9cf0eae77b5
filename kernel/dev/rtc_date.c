/*
 * The calendar of the real-time clock: seconds since 1 January 1970, a Thursday, to the registers
 * of the date and back. Gregorian rules throughout.
 */
#include "base/math64.h"
#include "dev/rtc.h"

#define EPOCH_YEAR    1970u
#define EPOCH_WEEKDAY 4u /* Thursday, from Sunday = 0 */
#define AFTERNOON     0x80u
#define DO_NOT_CARE   0xc0u

static bool is_leap(u32 year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Leap days from year 1 up to the beginning of `year`. */
static u32 leap_days(u32 year)
{
	return (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
}

/* Days from the epoch to the first of January. */
static u32 days_to_year(u32 year)
{
	return (year - EPOCH_YEAR) * 365 + leap_days(year) - leap_days(EPOCH_YEAR);
}

/* `month` from 0. */
static u32 days_in_month(u32 year, unsigned month)
{
	static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month] + (month == 1 && is_leap(year));
}

/* Register B says how numbers are written: binary or two decimal digits. */
static u8 encode(const u8 *cmos, unsigned v)
{
	return cmos[RTC_B] & RTC_B_BINARY ? v : v / 10 % 10 << 4 | v % 10;
}

static unsigned decode(const u8 *cmos, u8 v)
{
	return cmos[RTC_B] & RTC_B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

/* Hours 0 to 23; by the other clock 12, 1 to 11, and the same again with bit 7 set. */
static u8 encode_hour(const u8 *cmos, unsigned hour)
{
	if (cmos[RTC_B] & RTC_B_24H)
		return encode(cmos, hour);
	return encode(cmos, (hour + 11) % 12 + 1) | (hour >= 12 ? AFTERNOON : 0);
}

static unsigned decode_hour(const u8 *cmos, u8 v)
{
	if (cmos[RTC_B] & RTC_B_24H)
		return decode(cmos, v);
	return decode(cmos, v & ~AFTERNOON) % 12 + (v & AFTERNOON ? 12 : 0);
}

u64 rtc_date_seconds(const struct rtc_date *date)
{
	u32 year = MAX(date->year, EPOCH_YEAR);
	unsigned month = (date->month + 11) % 12;
	u32 days = days_to_year(year) + MAX(date->day, 1u) - 1; /* a guest may write day 0 */

	for (unsigned m = 0; m < month; m++)
		days += days_in_month(year, m);
	return (u64)days * SECONDS_PER_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

u64 rtc_date_get(const u8 *cmos)
{
	struct rtc_date date = {
		.year = decode(cmos, cmos[RTC_CENTURY]) * 100 + decode(cmos, cmos[RTC_YEAR]),
		.month = decode(cmos, cmos[RTC_MONTH]),
		.day = decode(cmos, cmos[RTC_DAY]),
		.hour = decode_hour(cmos, cmos[RTC_HOUR]),
		.minute = decode(cmos, cmos[RTC_MINUTE]),
		.second = decode(cmos, cmos[RTC_SECOND]),
	};

	return rtc_date_seconds(&date);
}

void rtc_date_put(u8 *cmos, u64 seconds)
{
	u32 days = div64(seconds, SECONDS_PER_DAY), rest = mod64(seconds, SECONDS_PER_DAY);
	u32 year = EPOCH_YEAR + days / 366, month = 0;

	cmos[RTC_WEEKDAY] = (days + EPOCH_WEEKDAY) % 7 + 1;
	while (days_to_year(year + 1) <= days) /* from a guess that is never too late */
		year++;
	days -= days_to_year(year);
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	cmos[RTC_SECOND] = encode(cmos, rest % 60);
	cmos[RTC_MINUTE] = encode(cmos, rest / 60 % 60);
	cmos[RTC_HOUR] = encode_hour(cmos, rest / 3600);
	cmos[RTC_DAY] = encode(cmos, days + 1);
	cmos[RTC_MONTH] = encode(cmos, month + 1);
	cmos[RTC_YEAR] = encode(cmos, year % 100);
	cmos[RTC_CENTURY] = encode(cmos, year / 100);
}

bool rtc_alarm_matches(const u8 *cmos, u32 second_of_day)
{
	u8 second = cmos[RTC_SECOND_ALARM], minute = cmos[RTC_MINUTE_ALARM];
	u8 hour = cmos[RTC_HOUR_ALARM];

	/* A register with its two high bits set agrees with any value (DS "Alarm"). */
	return (second >= DO_NOT_CARE || second == encode(cmos, second_of_day % 60)) &&
	       (minute >= DO_NOT_CARE || minute == encode(cmos, second_of_day / 60 % 60)) &&
	       (hour >= DO_NOT_CARE || hour == encode_hour(cmos, second_of_day / 3600));
}
