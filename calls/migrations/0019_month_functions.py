"""Functions that make the table of a month, with the rights of whoever migrates.

The role of the web server and the workers owns no table; see docs/operations.md, «Database roles».
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION public.calls_month_name(parent text, month date) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF parent NOT IN ('calls_call', 'calls_delivery') OR month <> date_trunc('month', month) THEN
        RAISE EXCEPTION 'no month of the ledger: % %', parent, month;
    END IF;
    RETURN parent || to_char(month, '_YYYY_MM');
END $$;

CREATE FUNCTION public.calls_create_month(parent text, month date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := calls_month_name(parent, month);
    moved bigint;
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format(
        'WITH misfiled AS (DELETE FROM %I WHERE partition_at >= %L AND partition_at < %L'
        ' RETURNING *) INSERT INTO %I SELECT * FROM misfiled',
        parent || '_default', month || ' 00:00:00+00',
        (month + interval '1 month')::date || ' 00:00:00+00', name);
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END $$;

CREATE FUNCTION public.calls_attach_month(parent text, month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, calls_month_name(parent, month), month || ' 00:00:00+00',
        (month + interval '1 month')::date || ' 00:00:00+00');
END $$;

REVOKE ALL ON FUNCTION public.calls_create_month, public.calls_attach_month FROM PUBLIC;
"""

GONE = """
DROP FUNCTION public.calls_attach_month, public.calls_create_month, public.calls_month_name;
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0018_restored")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, GONE),
    ]
