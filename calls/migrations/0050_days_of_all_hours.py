"""Counts by day are forgotten when hours are stored by a process of the former version.

It goes on while the migrations are applied, and knows of no days. `calls.summary.refresh` says in
its transaction that it counts the days as well.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION public.calls_forget_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('calls.counts_days', true) IS DISTINCT FROM 'yes' THEN
        DELETE FROM public.calls_summaryzone;
    END IF;
    RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER summary_days AFTER INSERT OR DELETE ON public.calls_deliverysummary
    FOR EACH STATEMENT EXECUTE FUNCTION public.calls_forget_days();
"""


class Migration(migrations.Migration):
    dependencies = [("calls", "0049_delivery_days")]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.calls_forget_days"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER summary_days ON public.calls_deliverysummary"),
    ]
