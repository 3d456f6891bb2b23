"""URLs of the check of the connection."""

from __future__ import annotations

from django.urls import path

from doctor import views

app_name = "doctor"

urlpatterns = [
    path("integrations/doctor", views.doctor, name="doctor"),
    path("integrations/doctor/check", views.examine, name="examine"),
]
