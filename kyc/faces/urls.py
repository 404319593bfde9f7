from django.urls import path

from kyc.faces import api

urlpatterns = [
    path("templates", api.Templates.as_view()),
    path("templates/<str:template_id>", api.OneTemplate.as_view()),
    path("lists", api.Lists.as_view()),
    path("lists/<str:list_id>/entries", api.Entries.as_view()),
]
