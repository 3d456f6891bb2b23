"""The fields of a v3 record that can be mapped, with the names other senders give them. Pure.

Names of senders are compared without case, spaces and signs: `Client-Phone` is `clientphone`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class OurField:
    """A field of the record.

    ``names``: well-known names, the likeliest first. ``read_instead``: other names from which the
    parser reads the same value; what came under them must not replace what the mapping says.
    """

    name: str
    label: str | Promise
    names: tuple[str, ...] = ()
    read_instead: tuple[str, ...] = ()


#: Joined with `callTime` when date and time of day come apart; no field of a v3 record.
TIME_OF_DAY = "callTimeOfDay"
#: Refuses outgoing calls; no field of a v3 record.
DIRECTION = "direction"

OUR_FIELDS: tuple[OurField, ...] = (
    OurField(
        "callTime",
        _("Начало звонка"),
        (
            *("calltime", "timestart", "datetimestamp", "starttime", "callstart", "startedat"),
            *("starttimestamp", "calldate", "datetime", "createtime", "timestamp", "date"),
            *("времязвонка", "датазвонка", "датаивремя", "датаивремязвонка", "начало", "дата"),
            *("время", "time"),
        ),
        ("timeStart",),
    ),
    OurField(TIME_OF_DAY, _("Время суток, если дата отдельно"), ("время", "time")),
    OurField(
        "clientNumber",
        _("Номер клиента"),
        (
            *("clientnumber", "clientphone", "customerphonenumber", "callerphone", "phone2"),
            *("contactphonenumber", "callernumber", "callerphonenumber", "callerid", "caller"),
            *("callingphonenumber", "customernumber", "fromnumber", "clientphonenumber", "phone"),
            *("номерклиента", "телефонклиента", "номерабонента", "ктозвонил", "телефон", "клиент"),
        ),
        ("clientPhone",),
    ),
    OurField(
        "universalId",
        _("Номер звонка у отправителя"),
        (
            *("universalid", "pbxcallid", "callsessionid", "resourceid", "calluuid", "callid"),
            *("entryid", "uniqueid", "recordid", "id", "idзвонка"),
        ),
        ("ctCallId", "cbCallId", "callId", "id"),
    ),
    OurField("cbCallId", _("Номер обратного звонка CallKeeper"), ("cbcallid",)),
    OurField("ctCallId", _("Номер звонка коллтрекинга CallKeeper"), ("ctcallid",)),
    OurField("serviceType", _("Услуга CallKeeper"), ("servicetype",)),
    OurField(
        "duration",
        _("Длительность разговора"),
        (
            *("duration2sec", "talktimeduration", "talkduration", "talktime", "billsec"),
            *("duration", "callduration", "durationsec", "conversationduration"),
            *("длительностьразговора", "длительность", "времяразговора"),
        ),
        ("duration2_sec",),
    ),
    OurField(
        "holdDuration",
        _("Ожидание до ответа"),
        (
            *("holdduration", "waittime", "waittimeduration", "waitsec", "waitduration"),
            *("waitingtime", "waiting", "времяожидания", "ожидание"),
        ),
        ("waitTime", "duration_sec"),
    ),
    OurField(
        "status",
        _("Итог: успешный или нет"),
        (
            *("status", "callstatus", "disposition", "callresult", "answered", "islost"),
            *("статусзвонка", "статус", "результат"),
        ),
    ),
    OurField("statusFirst", _("Код первого плеча"), ("statusfirst",), ("state",)),
    OurField("statusSecond", _("Код второго плеча"), ("statussecond",), ("state",)),
    OurField(
        "site",
        _("Сайт"),
        (
            *("site", "host", "visitsite", "sitevisit", "sitedomain", "sitedomainname", "domain"),
            *("domainname", "hostname", "website", "сайт", "доменсайта", "адрессайта", "домен"),
        ),
        ("visitSite", "siteVisit", "host"),
    ),
    OurField(
        "yaClid",
        _("ClientID Метрики"),
        (
            *("yaclid", "yaclientid", "ymuid", "ymclientid", "yandexclientid", "metrikaclientid"),
            *("metricaclientid", "clientidметрики", "clientid"),
        ),
        ("ya_clientid",),
    ),
    OurField("yclid", _("yclid"), ("yclid", "ymyclid")),
    OurField("userId", _("UserID вашего сайта"), (), ("user_id",)),
    OurField(
        "callPage",
        _("Страница звонка"),
        ("callpage", "cpg", "lastrequestedurl", "pageurl", "url", "страница", "страницазвонка"),
        ("cpg",),
    ),
    OurField(
        "entryPointQuery",
        _("Страница входа"),
        (
            *("entrypointquery", "landingpageurl", "landingpage", "entrancepage", "entrypoint"),
            *("страницавхода",),
        ),
        ("entryPoint",),
    ),
    OurField(
        "callType",
        _("Вид номера: динамический, статический"),
        ("calltype", "campaigntype", "substitutiontype", "insertiontype"),
        ("call_type",),
    ),
    OurField(
        "routePhone",
        _("Подменный номер"),
        (
            *("routephone", "calltrackingnumber", "trackingphonenumber", "trackingnumber"),
            *("virtualphonenumber", "calleddid", "calledphone", "linenumber", "dst"),
            *("подменныйномер",),
        ),
        ("calltracking_number",),
    ),
    OurField(
        "managerNumber",
        _("Номер менеджера"),
        (
            *("managernumber", "officephone", "operatorphone", "businessphonenumber", "phone1"),
            *("номерменеджера",),
        ),
    ),
    OurField("ctCampaignId", _("Номер кампании"), ("ctcampaignid", "campaignid"), ("campaignId",)),
    OurField(
        "ctCampaignName",
        _("Название кампании"),
        ("ctcampaignname", "campaignname"),
        ("campaignName",),
    ),
    OurField("tags", _("Теги"), ("tags", "tagnames", "tag", "теги", "метки")),
    OurField("unique", _("Уникальный"), ("unique", "isunique", "уникальный")),
    OurField("target", _("Целевой"), ("target", "targetcall", "istarget", "целевой")),
    OurField("cbAttempt", _("Попытка дозвона"), ("cbattempt",)),
    OurField(DIRECTION, _("Направление: исходящие не принимаются"), ("direction", "calldirection")),
)
BY_NAME = {one.name: one for one in OUR_FIELDS}
#: Without them no record is a call.
REQUIRED = ("callTime", "clientNumber")


def plain_name(name: str) -> str:
    """Return the name as `OurField.names` writes it."""
    return "".join(filter(str.isalnum, name.casefold()))
