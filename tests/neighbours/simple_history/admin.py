from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from .models import Photo

admin.site.register(Photo, SimpleHistoryAdmin)
