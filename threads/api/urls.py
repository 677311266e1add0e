"""What needs no knowledge of runs: the routes of one thread are those of ``runs.api.urls``."""

from django.urls import path

from threads.api.views import ThreadsView

urlpatterns = [
    path("threads", ThreadsView.as_view()),
]
