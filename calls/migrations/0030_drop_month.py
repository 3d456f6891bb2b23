"""A function that drops the tables of a month, with the rights of whoever migrates.

The role of the workers owns no table; see docs/operations.md, «Database roles». It may delete every
row of a month as it is, one by one.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION public.calls_drop_month(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I, %I',
        calls_month_name('calls_call', month), calls_month_name('calls_delivery', month));
END $$;

REVOKE ALL ON FUNCTION public.calls_drop_month FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0029_indexes_without_reader")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.calls_drop_month"),
    ]
